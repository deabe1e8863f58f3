-- Two more streams: the connected channels and the message templates. Laid out as in 0001.
CREATE TABLE body_channels                    (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, payload TEXT NOT NULL);
CREATE TABLE body_whatsapp_business_templates (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, payload TEXT NOT NULL);
