"""Where on a server is what: the paths of the API that the commands use."""

INTERACTIONS = "/api/interactions"
BATCH = f"{INTERACTIONS}/batch"
METRICS = "/api/interaction-metrics"
KEYS = "/api/keys"
CHANNELS = "/api/channels"
RESOURCE_TYPES = "/api/resource-types"
ALERTS = "/api/interaction-alerts"
