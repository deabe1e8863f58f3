-- One row per current record of {stream}, one typed column per documented field; nested values as JSON text,
-- what no column holds (extra_fields = "collect") in _extra.
-- Made by the program from the stream's column table and the dialect's date form; readable by any SQLite >= 3.38.
CREATE VIEW {stream} AS
SELECT
    {columns},
    body.seq AS _seq
FROM body_{stream} AS body
