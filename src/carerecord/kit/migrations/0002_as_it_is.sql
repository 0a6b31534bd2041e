-- An event lists ids made by chance, which PostgreSQL makes hardly smaller: to try costs more than to write and read them as they are.
ALTER TABLE outbox ALTER COLUMN body SET STORAGE EXTERNAL;
