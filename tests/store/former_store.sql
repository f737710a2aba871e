BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0009');
CREATE TABLE alert_guards (
	alert_id CHAR(32) NOT NULL, 
	metric_id CHAR(32) NOT NULL, 
	PRIMARY KEY (alert_id, metric_id), 
	FOREIGN KEY(alert_id) REFERENCES alerts (alert_id) ON DELETE CASCADE, 
	FOREIGN KEY(metric_id) REFERENCES metrics (metric_id)
);
CREATE TABLE alert_states (
	alert_id CHAR(32) NOT NULL, 
	group_key TEXT NOT NULL, 
	dimensions TEXT NOT NULL, 
	status VARCHAR(8) NOT NULL, 
	since VARCHAR(24) NOT NULL, 
	clear_since VARCHAR(24), 
	value TEXT NOT NULL, 
	PRIMARY KEY (alert_id, group_key), 
	FOREIGN KEY(alert_id) REFERENCES alerts (alert_id) ON DELETE CASCADE
);
INSERT INTO "alert_states" VALUES('9b810e766ec94286a3ca828dd5f4b3b2','["US"]','{"interaction_country": "US"}','FIRING','2026-03-20T14:01:00.000Z',NULL,'25');
CREATE TABLE alerts (
	number INTEGER NOT NULL, 
	alert_id CHAR(32) NOT NULL, 
	title TEXT NOT NULL, 
	metric_id CHAR(32) NOT NULL, 
	alert_action_id CHAR(32) NOT NULL, 
	recovery_action_id CHAR(32), 
	resource_type_id CHAR(32) NOT NULL, 
	definition TEXT NOT NULL, 
	PRIMARY KEY (number), 
	UNIQUE (alert_id), 
	FOREIGN KEY(metric_id) REFERENCES metrics (metric_id), 
	FOREIGN KEY(alert_action_id) REFERENCES catalog (id), 
	FOREIGN KEY(recovery_action_id) REFERENCES catalog (id), 
	FOREIGN KEY(resource_type_id) REFERENCES catalog (id)
);
INSERT INTO "alerts" VALUES(1,'9b810e766ec94286a3ca828dd5f4b3b2','Many failed logins','cd613e30d8f14adf91b7584a2265b1f5','363c1d7e745d5f40a5397334882e300c','941b17c42a675a298d0e08770ab9b18f','245e178b3c96543788f185ed880015e3','{"description": null, "runbook_url": null, "labels": {"team": "payments"}, "rule": {"operator": "gt", "threshold": 20, "recovery_threshold": null, "for_": "0s", "keep_firing_for": "0s", "no_data": "ok"}, "only_when": [], "severity": "critical", "enabled": true, "interval": "1m", "evaluation_delay": "0s", "created_date": "2026-03-20T14:00:00Z", "modified_date": "2026-03-20T14:00:00Z"}');
CREATE TABLE attempts (
	number INTEGER NOT NULL, 
	delivery_id CHAR(32) NOT NULL, 
	at VARCHAR(24) NOT NULL, 
	http_status INTEGER, 
	error TEXT, 
	duration_ms INTEGER NOT NULL, 
	PRIMARY KEY (number), 
	FOREIGN KEY(delivery_id) REFERENCES deliveries (delivery_id) ON DELETE CASCADE
);
CREATE TABLE catalog (
	id CHAR(32) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	mnemonic VARCHAR(64) NOT NULL, 
	title TEXT NOT NULL, 
	description TEXT, 
	icon TEXT, 
	font_color_hex VARCHAR(7), 
	bg_color_hex VARCHAR(7), 
	is_system BOOLEAN NOT NULL, 
	created_date VARCHAR(24) NOT NULL, 
	modified_date VARCHAR(24) NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "catalog" VALUES('245e178b3c96543788f185ed880015e3','resourceType','ALERT','Alert',NULL,NULL,NULL,NULL,1,'2026-01-01T00:00:00.000Z','2026-01-01T00:00:00.000Z');
INSERT INTO "catalog" VALUES('363c1d7e745d5f40a5397334882e300c','action','fired','Alert fired',NULL,NULL,NULL,NULL,1,'2026-01-01T00:00:00.000Z','2026-01-01T00:00:00.000Z');
INSERT INTO "catalog" VALUES('941b17c42a675a298d0e08770ab9b18f','action','recovered','Alert recovered',NULL,NULL,NULL,NULL,1,'2026-01-01T00:00:00.000Z','2026-01-01T00:00:00.000Z');
INSERT INTO "catalog" VALUES('15d241bfc9c9569581284f0fe751b09b','action','notified','Delivery succeeded',NULL,NULL,NULL,NULL,1,'2026-01-01T00:00:00.000Z','2026-01-01T00:00:00.000Z');
INSERT INTO "catalog" VALUES('02983ee58015529e8e6a5e7d6cf69bf8','action','notify-err','Delivery failed',NULL,NULL,NULL,NULL,1,'2026-01-01T00:00:00.000Z','2026-01-01T00:00:00.000Z');
INSERT INTO "catalog" VALUES('157b52d3aec05d14906798c169659e18','origin','METRIC_EVAL','Evaluation of an alert',NULL,NULL,NULL,NULL,1,'2026-01-01T00:00:00.000Z','2026-01-01T00:00:00.000Z');
INSERT INTO "catalog" VALUES('9b0edc41e9ec56138d12203440267aae','origin','NOTIFY','Delivery of a notification',NULL,NULL,NULL,NULL,1,'2026-01-01T00:00:00.000Z','2026-01-01T00:00:00.000Z');
CREATE TABLE channels (
	number INTEGER NOT NULL, 
	channel_id CHAR(32) NOT NULL, 
	name TEXT NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	settings TEXT NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	disabled_reason TEXT, 
	created_date VARCHAR(24) NOT NULL, 
	modified_date VARCHAR(24) NOT NULL, resting_until VARCHAR(24), 
	PRIMARY KEY (number), 
	UNIQUE (channel_id)
);
INSERT INTO "channels" VALUES(1,'1e2feb89414c443c9027c4d1c386bbc4','on-call','webhook','{"url": "https://hooks.example.org/1", "headers": {}, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}',1,NULL,'2026-03-20T14:00:00.000Z','2026-03-20T14:00:00.000Z',NULL);
CREATE TABLE deliveries (
	number INTEGER NOT NULL, 
	delivery_id CHAR(32) NOT NULL, 
	subscription_id CHAR(32) NOT NULL, 
	channel_id CHAR(32) NOT NULL, 
	interaction_id CHAR(32) NOT NULL, 
	snapshot TEXT NOT NULL, 
	title_template TEXT, 
	body_template TEXT, 
	silence_id CHAR(32), 
	status VARCHAR(16) NOT NULL, 
	tries INTEGER NOT NULL, 
	due VARCHAR(24), 
	claimed_until VARCHAR(24), 
	is_end_recorded BOOLEAN NOT NULL, 
	created_date VARCHAR(24) NOT NULL, 
	finished_date VARCHAR(24), skip_reason TEXT, 
	PRIMARY KEY (number), 
	UNIQUE (delivery_id)
);
INSERT INTO "deliveries" VALUES(1,'ca3bd8c3052f5de29547fc5e70502bdc','78e51061731148a382ce6f447ed4d57b','1e2feb89414c443c9027c4d1c386bbc4','1a2895476a8b518385af9ba8dc6c1b76','{"interactionId":"1a289547-6a8b-5183-85af-9ba8dc6c1b76","interactionNumber":null,"resourceId":"9b810e76-6ec9-4286-a3ca-828dd5f4b3b2","resourceTypeId":"245e178b-3c96-5437-88f1-85ed880015e3","resourceType":"ALERT","actionId":"363c1d7e-745d-5f40-a539-7334882e300c","action":"fired","originId":"157b52d3-aec0-5d14-9067-98c169659e18","origin":"METRIC_EVAL","timestamp":"2026-03-20T14:01:00.000Z","uowId":null,"userId":null,"externalReference":"alert-9b810e76-6ec9-4286-a3ca-828dd5f4b3b2-firing-2026-03-20T14:01:00.000Z","externalResponse":null,"interaction":{"alertId":"9b810e76-6ec9-4286-a3ca-828dd5f4b3b2","alertTitle":"Many failed logins","metricId":"cd613e30-d8f1-4adf-91b7-584a2265b1f5","metricName":"Failed logins (5m)","metricType":"COUNT","threshold":20,"operator":"gt","severity":"critical","status":"exceeded","value":31,"dimensions":{"interaction_country":"ZA"},"evaluatedAt":"2026-03-20T14:01:00.000Z"}}','{{ interaction.alertTitle }}',NULL,NULL,'sent',1,NULL,NULL,1,'2026-03-20T14:01:00.000Z','2026-03-20T14:01:01.000Z',NULL);
INSERT INTO "deliveries" VALUES(2,'d89d8a3fd64d5cb78acab2ac038f49b5','78e51061731148a382ce6f447ed4d57b','1e2feb89414c443c9027c4d1c386bbc4','cfdb03aebd405198a6fe8447ff684ff3','{"interactionId":"cfdb03ae-bd40-5198-a6fe-8447ff684ff3","interactionNumber":null,"resourceId":"9b810e76-6ec9-4286-a3ca-828dd5f4b3b2","resourceTypeId":"245e178b-3c96-5437-88f1-85ed880015e3","resourceType":"ALERT","actionId":"363c1d7e-745d-5f40-a539-7334882e300c","action":"fired","originId":"157b52d3-aec0-5d14-9067-98c169659e18","origin":"METRIC_EVAL","timestamp":"2026-03-20T14:01:00.000Z","uowId":null,"userId":null,"externalReference":"alert-9b810e76-6ec9-4286-a3ca-828dd5f4b3b2-firing-2026-03-20T14:01:00.000Z","externalResponse":null,"interaction":{"alertId":"9b810e76-6ec9-4286-a3ca-828dd5f4b3b2","alertTitle":"Many failed logins","metricId":"cd613e30-d8f1-4adf-91b7-584a2265b1f5","metricName":"Failed logins (5m)","metricType":"COUNT","threshold":20,"operator":"gt","severity":"critical","status":"exceeded","value":25,"dimensions":{"interaction_country":"US"},"evaluatedAt":"2026-03-20T14:01:00.000Z"}}','{{ interaction.alertTitle }}',NULL,NULL,'pending',0,'2026-03-20T14:01:00.000Z',NULL,0,'2026-03-20T14:01:00.000Z',NULL,NULL);
INSERT INTO "deliveries" VALUES(3,'5a9baccd7de35d52a4e87dc8c2187a3d','35bf992dc9e94616a12e7696a6cecc1b','1e2feb89414c443c9027c4d1c386bbc4','0325dd9b4c5955cca6f5f457a9972637','{"interactionId":"0325dd9b-4c59-55cc-a6f5-f457a9972637","interactionNumber":null,"resourceId":"9b810e76-6ec9-4286-a3ca-828dd5f4b3b2","resourceTypeId":"245e178b-3c96-5437-88f1-85ed880015e3","resourceType":"ALERT","actionId":"941b17c4-2a67-5a29-8d0e-08770ab9b18f","action":"recovered","originId":"157b52d3-aec0-5d14-9067-98c169659e18","origin":"METRIC_EVAL","timestamp":"2026-03-20T14:02:00.000Z","uowId":null,"userId":null,"externalReference":"alert-9b810e76-6ec9-4286-a3ca-828dd5f4b3b2-recovery-2026-03-20T14:02:00.000Z","externalResponse":null,"interaction":{"alertId":"9b810e76-6ec9-4286-a3ca-828dd5f4b3b2","alertTitle":"Many failed logins","metricId":"cd613e30-d8f1-4adf-91b7-584a2265b1f5","metricName":"Failed logins (5m)","metricType":"COUNT","threshold":20,"operator":"gt","severity":"critical","status":"recovered","value":3,"dimensions":{"interaction_country":"ZA"},"evaluatedAt":"2026-03-20T14:02:00.000Z","firedAt":"2026-03-20T14:01:00.000Z","durationSeconds":60.0}}',NULL,NULL,NULL,'pending',0,'2026-03-20T14:02:00.000Z',NULL,0,'2026-03-20T14:02:00.000Z',NULL,NULL);
CREATE TABLE dropped_deliveries (
	channel_id CHAR(32) NOT NULL, 
	total INTEGER NOT NULL, 
	untold INTEGER NOT NULL, 
	start VARCHAR(24), 
	latest VARCHAR(24) NOT NULL, 
	PRIMARY KEY (channel_id)
);
CREATE TABLE evaluations (
	alert_id CHAR(32) NOT NULL, 
	version INTEGER NOT NULL, 
	slot VARCHAR(24) NOT NULL, 
	evaluated_at VARCHAR(24), 
	error TEXT, 
	elapsed_ms FLOAT, 
	PRIMARY KEY (alert_id), 
	FOREIGN KEY(alert_id) REFERENCES alerts (alert_id) ON DELETE CASCADE
);
INSERT INTO "evaluations" VALUES('9b810e766ec94286a3ca828dd5f4b3b2',3,'2026-03-20T13:59:50.000Z','2026-03-20T14:02:00.000Z',NULL,1.5);
CREATE TABLE facts (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE keys (
	number INTEGER NOT NULL, 
	key_id CHAR(32) NOT NULL, 
	name TEXT NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	prefix VARCHAR(32) NOT NULL, 
	hash VARCHAR(64) NOT NULL, 
	from_environment BOOLEAN NOT NULL, 
	created_date VARCHAR(24) NOT NULL, 
	PRIMARY KEY (number), 
	UNIQUE (key_id), 
	UNIQUE (hash)
);
CREATE TABLE metrics (
	number INTEGER NOT NULL, 
	metric_id CHAR(32) NOT NULL, 
	name TEXT NOT NULL, 
	description TEXT, 
	resource_type_id CHAR(32), 
	action_id CHAR(32), 
	origin_id CHAR(32), 
	question TEXT NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	created_date VARCHAR(24) NOT NULL, 
	modified_date VARCHAR(24) NOT NULL, expose BOOLEAN DEFAULT 0 NOT NULL, 
	PRIMARY KEY (number), 
	UNIQUE (metric_id), 
	FOREIGN KEY(resource_type_id) REFERENCES catalog (id), 
	FOREIGN KEY(action_id) REFERENCES catalog (id), 
	FOREIGN KEY(origin_id) REFERENCES catalog (id)
);
INSERT INTO "metrics" VALUES(1,'cd613e30d8f14adf91b7584a2265b1f5','Failed logins (5m)',NULL,NULL,NULL,NULL,'{"metricType": "COUNT", "field": null, "filters": [{"field": "interaction.ok", "operator": "eq", "value": false}], "timeWindow": "5m", "groupBy": ["interaction.country"]}',1,'2026-03-20T14:00:00.000Z','2026-03-20T14:00:00.000Z',0);
CREATE TABLE sessions (
	hash VARCHAR(64) NOT NULL, 
	session_id CHAR(32) NOT NULL, 
	key_id CHAR(32) NOT NULL, 
	address TEXT, 
	created_date VARCHAR(24) NOT NULL, 
	used_date VARCHAR(24) NOT NULL, 
	PRIMARY KEY (hash), 
	UNIQUE (session_id), 
	FOREIGN KEY(key_id) REFERENCES keys (key_id) ON DELETE CASCADE
);
CREATE TABLE silences (
	number INTEGER NOT NULL, 
	silence_id CHAR(32) NOT NULL, 
	alert_id CHAR(32), 
	labels TEXT NOT NULL, 
	dimensions TEXT NOT NULL, 
	start VARCHAR(24) NOT NULL, 
	"to" VARCHAR(24) NOT NULL, 
	author TEXT, 
	reason TEXT, 
	created_date VARCHAR(24) NOT NULL, 
	modified_date VARCHAR(24) NOT NULL, 
	PRIMARY KEY (number), 
	UNIQUE (silence_id)
);
INSERT INTO "silences" VALUES(1,'e4b06ce6074147a8bce42c8218072e8c',NULL,'{"team": "search"}','{}','2026-03-20T00:00:00.000Z','2026-03-21T00:00:00.000Z','ada',NULL,'2026-03-20T14:00:00.000Z','2026-03-20T14:00:00.000Z');
CREATE TABLE staged_drops (
	number INTEGER NOT NULL, 
	channel_id CHAR(32) NOT NULL, 
	interaction_ids BLOB NOT NULL, 
	at VARCHAR(24) NOT NULL, 
	PRIMARY KEY (number)
);
CREATE TABLE subscriptions (
	number INTEGER NOT NULL, 
	subscription_id CHAR(32) NOT NULL, 
	channel_id CHAR(32) NOT NULL, 
	resource_type_id CHAR(32) NOT NULL, 
	action_id CHAR(32) NOT NULL, 
	origin_id CHAR(32), 
	title_template TEXT, 
	body_template TEXT, 
	enabled BOOLEAN NOT NULL, 
	created_date VARCHAR(24) NOT NULL, 
	modified_date VARCHAR(24) NOT NULL, template_problem TEXT, 
	PRIMARY KEY (number), 
	UNIQUE (subscription_id), 
	FOREIGN KEY(channel_id) REFERENCES channels (channel_id), 
	FOREIGN KEY(resource_type_id) REFERENCES catalog (id), 
	FOREIGN KEY(action_id) REFERENCES catalog (id), 
	FOREIGN KEY(origin_id) REFERENCES catalog (id)
);
INSERT INTO "subscriptions" VALUES(1,'78e51061731148a382ce6f447ed4d57b','1e2feb89414c443c9027c4d1c386bbc4','245e178b3c96543788f185ed880015e3','363c1d7e745d5f40a5397334882e300c',NULL,'{{ interaction.alertTitle }}',NULL,1,'2026-03-20T14:00:00.000Z','2026-03-20T14:00:00.000Z',NULL);
INSERT INTO "subscriptions" VALUES(2,'35bf992dc9e94616a12e7696a6cecc1b','1e2feb89414c443c9027c4d1c386bbc4','245e178b3c96543788f185ed880015e3','941b17c42a675a298d0e08770ab9b18f',NULL,NULL,NULL,1,'2026-03-20T14:00:00.000Z','2026-03-20T14:00:00.000Z',NULL);
CREATE TABLE transitions (
	number INTEGER NOT NULL, 
	transition_id CHAR(32) NOT NULL, 
	alert_id CHAR(32) NOT NULL, 
	at VARCHAR(24) NOT NULL, 
	status VARCHAR(8) NOT NULL, 
	reason VARCHAR(16) NOT NULL, 
	value TEXT NOT NULL, 
	dimensions TEXT NOT NULL, 
	fired_at VARCHAR(24) NOT NULL, 
	alert TEXT NOT NULL, 
	metric TEXT NOT NULL, 
	is_recorded BOOLEAN NOT NULL, sides TEXT, guards TEXT, 
	PRIMARY KEY (number), 
	UNIQUE (transition_id)
);
INSERT INTO "transitions" VALUES(1,'b2221a58008a45a684647159c324c985','9b810e766ec94286a3ca828dd5f4b3b2','2026-03-20T14:01:00.000Z','FIRING','threshold','31','{"interaction_country": "ZA"}','2026-03-20T14:01:00.000Z','{"alert_id":"9b810e76-6ec9-4286-a3ca-828dd5f4b3b2","title":"Many failed logins","description":null,"runbook_url":null,"labels":{"team":"payments"},"metric_id":"cd613e30-d8f1-4adf-91b7-584a2265b1f5","rule":{"operator":"gt","threshold":20,"recovery_threshold":null,"for_":"0s","keep_firing_for":"0s","no_data":"ok"},"only_when":[],"alert_action_id":"363c1d7e-745d-5f40-a539-7334882e300c","recovery_action_id":"941b17c4-2a67-5a29-8d0e-08770ab9b18f","resource_type_id":"245e178b-3c96-5437-88f1-85ed880015e3","severity":"critical","enabled":true,"interval":"1m","evaluation_delay":"0s","created_date":"2026-03-20T14:00:00Z","modified_date":"2026-03-20T14:00:00Z"}','{"metric_id":"cd613e30-d8f1-4adf-91b7-584a2265b1f5","name":"Failed logins (5m)","description":null,"question":{"aggregation":"COUNT","resource_type_id":null,"action_id":null,"origin_id":null,"field":null,"filters":[{"field":"interaction.ok","operator":"eq","value":false}],"time_window":"5m","group_by":["interaction.country"]},"enabled":true,"expose":false,"created_date":"2026-03-20T14:00:00Z","modified_date":"2026-03-20T14:00:00Z"}',0,NULL,NULL);
INSERT INTO "transitions" VALUES(2,'cd447e35b8b648fe842e3d437204e52d','9b810e766ec94286a3ca828dd5f4b3b2','2026-03-20T14:01:00.000Z','FIRING','threshold','25','{"interaction_country": "US"}','2026-03-20T14:01:00.000Z','{"alert_id":"9b810e76-6ec9-4286-a3ca-828dd5f4b3b2","title":"Many failed logins","description":null,"runbook_url":null,"labels":{"team":"payments"},"metric_id":"cd613e30-d8f1-4adf-91b7-584a2265b1f5","rule":{"operator":"gt","threshold":20,"recovery_threshold":null,"for_":"0s","keep_firing_for":"0s","no_data":"ok"},"only_when":[],"alert_action_id":"363c1d7e-745d-5f40-a539-7334882e300c","recovery_action_id":"941b17c4-2a67-5a29-8d0e-08770ab9b18f","resource_type_id":"245e178b-3c96-5437-88f1-85ed880015e3","severity":"critical","enabled":true,"interval":"1m","evaluation_delay":"0s","created_date":"2026-03-20T14:00:00Z","modified_date":"2026-03-20T14:00:00Z"}','{"metric_id":"cd613e30-d8f1-4adf-91b7-584a2265b1f5","name":"Failed logins (5m)","description":null,"question":{"aggregation":"COUNT","resource_type_id":null,"action_id":null,"origin_id":null,"field":null,"filters":[{"field":"interaction.ok","operator":"eq","value":false}],"time_window":"5m","group_by":["interaction.country"]},"enabled":true,"expose":false,"created_date":"2026-03-20T14:00:00Z","modified_date":"2026-03-20T14:00:00Z"}',0,NULL,NULL);
INSERT INTO "transitions" VALUES(3,'1a2b8f1ff1fd42a29755d4c13a902931','9b810e766ec94286a3ca828dd5f4b3b2','2026-03-20T14:02:00.000Z','OK','recovered','3','{"interaction_country": "ZA"}','2026-03-20T14:01:00.000Z','{"alert_id":"9b810e76-6ec9-4286-a3ca-828dd5f4b3b2","title":"Many failed logins","description":null,"runbook_url":null,"labels":{"team":"payments"},"metric_id":"cd613e30-d8f1-4adf-91b7-584a2265b1f5","rule":{"operator":"gt","threshold":20,"recovery_threshold":null,"for_":"0s","keep_firing_for":"0s","no_data":"ok"},"only_when":[],"alert_action_id":"363c1d7e-745d-5f40-a539-7334882e300c","recovery_action_id":"941b17c4-2a67-5a29-8d0e-08770ab9b18f","resource_type_id":"245e178b-3c96-5437-88f1-85ed880015e3","severity":"critical","enabled":true,"interval":"1m","evaluation_delay":"0s","created_date":"2026-03-20T14:00:00Z","modified_date":"2026-03-20T14:00:00Z"}','{"metric_id":"cd613e30-d8f1-4adf-91b7-584a2265b1f5","name":"Failed logins (5m)","description":null,"question":{"aggregation":"COUNT","resource_type_id":null,"action_id":null,"origin_id":null,"field":null,"filters":[{"field":"interaction.ok","operator":"eq","value":false}],"time_window":"5m","group_by":["interaction.country"]},"enabled":true,"expose":false,"created_date":"2026-03-20T14:00:00Z","modified_date":"2026-03-20T14:00:00Z"}',0,NULL,NULL);
CREATE UNIQUE INDEX catalog_mnemonic ON catalog (kind, lower(mnemonic));
CREATE INDEX ix_metrics_action_id ON metrics (action_id);
CREATE INDEX ix_metrics_resource_type_id ON metrics (resource_type_id);
CREATE INDEX ix_metrics_origin_id ON metrics (origin_id);
CREATE INDEX ix_alerts_metric_id ON alerts (metric_id);
CREATE INDEX ix_alerts_recovery_action_id ON alerts (recovery_action_id);
CREATE INDEX ix_alerts_resource_type_id ON alerts (resource_type_id);
CREATE INDEX ix_alerts_alert_action_id ON alerts (alert_action_id);
CREATE INDEX transitions_at ON transitions (at, number);
CREATE INDEX transitions_alert ON transitions (alert_id, at, number);
CREATE INDEX transitions_unrecorded ON transitions (number) WHERE is_recorded = 0;
CREATE INDEX ix_subscriptions_action_id ON subscriptions (action_id);
CREATE INDEX ix_subscriptions_origin_id ON subscriptions (origin_id);
CREATE INDEX ix_subscriptions_resource_type_id ON subscriptions (resource_type_id);
CREATE INDEX ix_subscriptions_channel_id ON subscriptions (channel_id);
CREATE INDEX deliveries_due ON deliveries (status, channel_id, due);
CREATE INDEX deliveries_status ON deliveries (status, number);
CREATE INDEX deliveries_channel ON deliveries (channel_id, number);
CREATE INDEX deliveries_silenced ON deliveries (silence_id, number) WHERE silence_id IS NOT NULL;
CREATE INDEX deliveries_unrecorded ON deliveries (number) WHERE finished_date IS NOT NULL AND is_end_recorded IS 0;
CREATE INDEX ix_attempts_delivery_id ON attempts (delivery_id);
CREATE INDEX ix_sessions_key_id ON sessions (key_id);
CREATE INDEX ix_alert_guards_metric_id ON alert_guards (metric_id);
COMMIT;
