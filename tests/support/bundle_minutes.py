"""Tables of bundles and reminders; `bundle_tables.py` defines their form."""

TABLES = {
    "a bundle closes after its wait and is never extended": """
        groupBy alert, groupWait 30s
        10:00:00  logins/ZA fires
        10:00:29  logins/US fires
        10:00:30  | bundle: logins/ZA exceeded, logins/US exceeded
        10:00:30  logins/UK fires
        10:01:00  | bundle: logins/UK exceeded
        11:00:00  | """,
    "a group that fires and recovers within one wait is reported once as both": """
        groupBy alert, groupWait 1m
        10:00:00  logins/ZA fires
        10:00:10  logins/US fires
        10:00:50  logins/ZA recovers
        10:01:00  | bundle: logins/ZA both, logins/US exceeded
        10:05:00  logins/US recovers
        10:06:00  | bundle: logins/US recovered""",
    "a group that fires again within one wait is reported by how it ends": """
        groupBy alert, groupWait 1m
        10:00:00  logins/ZA fires
        10:00:10  logins/ZA recovers
        10:00:20  logins/ZA fires
        10:01:00  | bundle: logins/ZA exceeded
        10:02:00  logins/ZA recovers
        10:02:10  logins/ZA fires
        10:02:20  logins/ZA recovers
        10:03:00  | bundle: logins/ZA both""",
    "alerts have bundles of their own": """
        groupBy alert, groupWait 30s
        10:00:00  logins/ZA fires
        10:00:10  orders/ZA fires
        10:00:30  | bundle: logins/ZA exceeded
        10:00:40  | bundle: orders/ZA exceeded""",
    "labels and dimensions group across alerts": """
        groupBy labels.team interaction_country, groupWait 30s
        10:00:00  logins/ZA fires team=a
        10:00:10  orders/ZA fires team=a
        10:00:15  orders/US fires team=a
        10:00:20  refunds/ZA fires team=b
        10:00:25  unowned/ZA fires
        10:00:30  | bundle: logins/ZA exceeded, orders/ZA exceeded
        10:00:45  | bundle: orders/US exceeded
        10:00:50  | bundle: refunds/ZA exceeded
        10:00:55  | bundle: unowned/ZA exceeded""",
    "a reminder comes while something of the key fires": """
        groupBy alert, groupWait 1m, repeatEvery 1h
        10:00:00  logins/ZA fires
        10:01:00  | bundle: logins/ZA exceeded
        10:30:00  logins/US fires
        10:31:00  | bundle: logins/US exceeded
        11:01:00  | reminder: logins/ZA exceeded, logins/US exceeded
        11:40:00  logins/ZA recovers
        11:41:00  | bundle: logins/ZA recovered
        12:01:00  | reminder: logins/US exceeded
        12:10:00  logins/US recovers
        12:11:00  | bundle: logins/US recovered
        23:00:00  | """,
    "a reminder has neither what the open bundle will report nor what has recovered": """
        groupBy alert, groupWait 15m, repeatEvery 1h
        10:00:00  logins/ZA fires
        10:00:00  logins/US fires
        10:15:00  | bundle: logins/ZA exceeded, logins/US exceeded
        11:10:00  logins/UK fires
        11:11:00  logins/US recovers
        11:15:00  | reminder: logins/ZA exceeded
        11:25:00  | bundle: logins/US recovered, logins/UK exceeded
        12:15:00  | reminder: logins/ZA exceeded, logins/UK exceeded""",
    "reminders start afresh when everything has recovered in between": """
        groupBy alert, groupWait 1m, repeatEvery 1h
        10:00:00  logins/ZA fires
        10:01:00  | bundle: logins/ZA exceeded
        10:30:00  logins/ZA recovers
        10:31:00  | bundle: logins/ZA recovered
        10:40:00  logins/ZA fires
        10:41:00  | bundle: logins/ZA exceeded
        11:41:00  | reminder: logins/ZA exceeded""",
    "severities that are not held are sent alone and reminded of": """
        groupBy alert, groupWait 1m, repeatEvery 1h, immediately critical
        10:00:00  logins/ZA fires critical
        10:00:00  | single: logins/ZA exceeded
        10:00:10  orders/ZA fires info
        10:01:10  | bundle: orders/ZA exceeded
        10:02:00  orders/ZA recovers info
        10:03:00  | bundle: orders/ZA recovered
        11:00:00  | reminder: logins/ZA exceeded
        11:10:00  logins/ZA recovers critical
        11:10:00  | single: logins/ZA recovered
        12:30:00  | """,
    "a recovery follows its firing whether the subscription matches it or not": """
        groupBy alert, groupWait 30s
        10:00:00  logins/ZA fires
        10:00:00  logins/US fires unmatched
        10:00:30  | bundle: logins/ZA exceeded
        10:10:00  logins/ZA recovers unmatched
        10:10:00  logins/US recovers unmatched
        10:10:30  | bundle: logins/ZA recovered
        10:20:00  logins/ZA recovers
        10:20:30  | bundle: logins/ZA recovered""",
    "an alert without a recovery action has no message about recoveries alone": """
        groupBy alert, groupWait 30s, repeatEvery 1h
        10:00:00  logins/ZA fires unwritten
        10:00:20  logins/ZA recovers unwritten
        10:00:30  | bundle: logins/ZA both
        10:10:00  logins/ZA fires
        10:10:30  | bundle: logins/ZA exceeded
        10:20:00  logins/ZA recovers unwritten
        12:00:00  | """,
    "a group in an open bundle stays there when its label changes": """
        groupBy labels.team interaction_country, groupWait 30s
        10:00:00  logins/ZA fires team=a
        10:00:10  logins/ZA recovers team=b
        10:00:20  logins/ZA fires team=b
        10:00:30  | bundle: logins/ZA exceeded
        10:01:00  logins/ZA recovers team=c
        10:01:30  | bundle: logins/ZA recovered""",
}
