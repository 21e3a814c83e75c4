-- A row that becomes longer no longer fits its page: SQLite then moves its
-- neighbours about, page after page. The rows that change soon after they were
-- inserted bring room to grow along; what they gain, room loses.
ALTER TABLE verification ADD COLUMN room BLOB;
ALTER TABLE message ADD COLUMN room BLOB;
