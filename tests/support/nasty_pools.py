"""The keys, texts and numbers that have broken analytics before, and the tame ones between them.

Shared by payloads, interactions and metrics, so that they meet. Numbers are JSON literals.
"""

TAME_KEYS = ("country", "plan", "total", "attempts", "active", "day", "tags")
"""The keys of usual payloads; `nasty` gives each of them a usual kind of value."""

MEETING_KEYS = ("a", "b", "c", "a.b", "user", "plan", "id", "null", "total", "size0", "n")
"""Few enough to meet one another at every level, with a value of a different type each time."""

ODD_KEYS = (
    "a.b.c", "b.c", ".", "..", ".a", "a.", "\\", "a\\", "a\\.b", "\\.", "a\\\\b", '"', 'say "hi"',
    "'", "it's", "`", "`a`", "@", "@t", "^", "^u", "$", "$ref", "$.a", ":", ":v", "a:b", "%", "%2",
    "a%2eb", "%25", "%s", "{}", "{p:String}", "{a}", "?", "a?b", "[]", "a[]", "a[0]", "[0]", "0",
    "1", "-1", "*", "#", "/", "a/b", "//", "/*", "--", ";", "a b", " ", " a", "a ", "a\nb", "\t",
    "\x00", "a\x00b", "\x00a", "\x7f", "\u200b", "\u202e", "\ufeff", "\uffff", "\ue000", "é",
    "e\u0301", "ß", "ẞ", "İ", "i\u0307", "ñ", "日本", "ключ", "مفتاح", "٣", "😀",
    "👩\u200d👩\u200d👧", "🇿🇦", "a😀b", "A", "User", "PLAN", "NULL", "Null", "true", "false",
    "select", "SELECT", "from", "interaction", "interaction.a", "raw", "timestamp", "resourceId",
    "String", "Int64", ".:String", "a.:String", "^a", "a.null", "null.a", "size", "size1",
    "a.size0", "values", "keys", "discriminator", "__proto__", "constructor", "_", "__", "a_b",
    "a-b", "a+b", "a=b", "a,b", "(a)", "a|b", "~", "!", "1; DROP TABLE interactions",
    "') OR 1=1 --", "k" * 200,
)  # fmt: skip

_NOTATIONS = (
    "@{}", "^{}", ":{}", "@^{}", "^@{}", ".:{}", ".^{}", ".@{}", "a.:{}", "a:{}", "a@{}", "a^{}",
    "{}[]", "{}@", "{}^", "{}:", "{}.b", "{}.:`Int64`", "{}:`Int64`", "{}.null", "{}.size0",
    "@{}.b", ":{}.b", "^{}[]", "[]{}", "{}`", "`{}", "\\{}", " {}", "{}\0", "{}%2e",
)  # fmt: skip
_NAMED = ("`a`", "`", "``", "`a", "a`", "`b`", "`null`", "`Int64`", "`String`", "`a.b`", '"a"')
NOTATION_KEYS = (
    *(notation.format(named) for notation in _NOTATIONS for named in _NAMED),
    ":`Array(Nullable(Int64))`", ":`Array(JSON)`", ":`JSON`", ":`Dynamic`", ":`Array(JSON)`.a",
    "^``.b", "@`a%2eb`", "@`é`", "^`日本`", "a[].b", "[].a", "[1]", "a.[]", "^a.b", ".:Int64",
    "'a'", "`a`.`b`", "``a``", "a``b", "`interaction`", "interaction.`a`", "@`interaction.a`",
)  # fmt: skip
"""The engine's notations of a path: a prefix or a type, with backticks or without.

Taken for notation they would name other keys that occur, such as `a`, or fail."""

NUMERIC_TEXTS = (
    "12", "-1.5e3", "0", "-0", "-0.0", "1.0", "1.50", "1e22", "1E2", "1e+2", "1e-7", "0.1", "3",
    "3.0", "1e-400", "-1e-400", "5e-324", "1.7976931348623157e308", "0e999", "0.000", "100", "9",
    "10",
)  # fmt: skip

NEARLY_NUMERIC_TEXTS = (
    " 12", "12 ", "12\n", "\t12", "1_000", "1,000", "0x1", "0b1", "+1", "01", "-01", "00", "1.",
    ".5", "-.5", "-", "--1", "e5", "1e", "1e+", "1.e5", "inf", "-inf", "Infinity", "-Infinity",
    "NaN", "nan", "", " ", "1e999", "-1e999", "1e309", "1.8e308", "٣", "１２", "1٣", "12abc", "1 2",
    "1e5.0", "1d", "1f", "½", "12\x00", "\x0012", "0x1p3", "1E", "\ufeff1", "true", "false", "TRUE",
    "null",
)  # fmt: skip

ODD_TEXTS = (
    "a", "b", "A", "é", "e\u0301", "ß", "ss", "SS", "😀", "👩\u200d👩\u200d👧", "\u202e", "\ue000",
    "\uffff", "\U0010ffff", "a\x00b", "\x00", "a\nb", "a\tb", "\r\n", "\\", "\\n", "\\\\", '"', "'",
    "''", "`", "%", "%%", "_", "a%b", "a_b", "100%", ".", ".*", "^a", "a$", "(", "[", "*", "?",
    "{}", "{p:String}", "$1", ":v", "@t", "NULL", "Null", "None", "undefined", "[]", "[1]",
    '{"a":1}', "True", "False", "yes", "t", "2026-03-20", "2026-03-20T14:30:00Z",
    "2026-03-20 14:30:00", "2026-02-30", "20260320", "14:30", "1970",
    "2026-03-20T14:30:00.000+02:00", "1e3d", "127.0.0.1", "::1",
    "4f1c0a52-0a0e-7c1b-9c11-2a4ed3f0a001", "'; DROP TABLE interactions; --", "1 OR 1=1",
    "' OR ''='", "SELECT 1", "/* x */", "-- x", "\\'; --", "FORMAT JSON", "x" * 1_000, "日本語",
    "\u2126", "\u212b", "\u00c5", "İ", "ı", "ǆ",
)  # fmt: skip

_NINES = "1234567890123456789012345678901234567890"
INTEGERS = (
    "0", "-0", "1", "-1", "2", "3", "10", "12", "100", "255", "1970", "1000000007", "-128",
    "-32769", "4294967295", "4294967296", "9007199254740991", "9007199254740992",
    "9007199254740993", "9007199254740995", "-9007199254740993", "9223372036854775806",
    "9223372036854775807", "9223372036854775808", "9223372036854775809", "-9223372036854775807",
    "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616",
    "18446744073709551617", "-18446744073709551616", "100000000000000000000",
    "999999999999999999999", "1000000000000000000000", "10000000000000000000000",
    "340282366920938463463374607431768211456", _NINES, "-" + _NINES, _NINES[:-1] + "1",
    "1" + "0" * 308,
)  # fmt: skip

FLOATS = (
    "0.0", "-0.0", "-0e0", "0e5", "1.0", "1.00", "-1.0", "1.5", "2.5", "0.1", "0.2", "0.3", "1e0",
    "1e2", "1E2", "1e+2", "12.0", "1.2e1", "100.0", "1e16", "1e17", "1e20", "1e21", "1E21", "1e22",
    "1.0e22", "1e23", "1e-6", "1e-7", "1.5e-7", "0.000001", "0.0000001", "0.00001234",
    "123456789012345680000.0", "1234567890123456800000.0", "9007199254740993.0",
    "9007199254740992.0", "9223372036854775807.0", "9223372036854775808.0",
    "18446744073709551616.0", "1.7976931348623157e308", "-1.7976931348623157e308",
    "1.7976931348623157E+308", "1e308", "-1e308", "9e307", "2.2250738585072014e-308",
    "2.225073858507201e-308", "5e-324", "-5e-324", "4.9e-324", "1e-400", "-1e-400",
    "0.30000000000000004", "0.1000000000000000055511151231257827", "3.141592653589793",
    "2.718281828459045", "1.7320508075688772", "5.551115123125783e-17", "1234567.8901234567",
    "4.35", "0.57", "1.005", "299792458.000", "1.0000000000000002", "0.9999999999999999",
)  # fmt: skip

MNEMONICS = {
    "resourceType": ("user", "order", "12", "a.b:c/d-e_f"),
    "action": ("login", "purchase", "login_failed", "true"),
    "origin": ("web", "app", "iot:7"),
}

RESOURCE_IDS = (
    "u1", "u2", "u3", "12", "12.0", "-3", "1e2", "9007199254740993", " 12", "NaN", "true", "null",
    "x'; --", "%", "a\\.b", "é", "😀", "a\x00b", "\n", "r" * 512,
)  # fmt: skip

USER_IDS = (
    "ann", "bob", "Ann", "7", "07", "0.5", "false", "zoë", "zoe\u0308", "x y", "`", "\t", "",
)  # fmt: skip

REFERENCES = ("ref-1", "ref-2", "1e3", "REF-1", "{}", "[1]", "2026-03-20", "\\", "'", "\u202e", "")

UNITS_OF_WORK = (
    "0190a1b2-0000-7000-8000-000000000001",
    "0190a1b2-0000-7000-8000-00000000000f",
    "ffffffff-ffff-4fff-bfff-ffffffffffff",
)

ZONES = (
    "Europe/Berlin",
    "America/Havana",
    "Africa/Cairo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "UTC",
)
WINDOWS = ("1m", "5m", "90m", "1h", "24h", "36h", "1d", "7d", "30d", "365d", "3650d")
