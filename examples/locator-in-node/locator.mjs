// The locator once more, in another language: where does a person's information lie? It stands on the same database.
import { readFileSync } from "node:fs";
import pg from "pg";
import { log, notUnderstood, openDoor } from "./door.mjs";

const told = process.env;
const db = new pg.Pool({ connectionString: told.CARERECORD_LOCATOR_DATABASE, max: 4, application_name: "carerecord locator" });
db.on("error", (error) => log("database.lost", { service: "locator", code: error.code }));
const rows = async (name, text, values) => (await db.query({ name, text, values })).rows;

const POINTERS = `
  SELECT source, local_id, patient, sections, empty,
         coalesce(to_char(seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '') AS seen_at,
         coalesce(to_char(enrolled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '') AS enrolled_at
    FROM pointer
   WHERE patient = ANY ($1)
   ORDER BY source, local_id, patient`;

const LEARN = `
  INSERT INTO pointer (patient, source, local_id, enrolled_at)
  SELECT DISTINCT patient, source, local_id, now()
    FROM jsonb_to_recordset($1) AS told (patient text, source text, local_id text)
   ORDER BY patient, source, local_id
  ON CONFLICT (patient, source, local_id) DO NOTHING
  RETURNING 1`;

const FORGET = `
  DELETE FROM pointer
   USING jsonb_to_recordset($1) AS gone (source text, local_id text)
   WHERE (pointer.source, pointer.local_id) = (gone.source, gone.local_id)`;

// One statement, so that what was seen and how the sweep did are kept together or not at all.
const SEEN = `
  WITH told AS (
      SELECT patient, source, local_id, sections, empty, at, was_skipped
        FROM jsonb_to_recordset($1) AS told (patient text, source text, local_id text, sections text[], empty text[],
                                             at timestamptz, was_skipped boolean)
  ), swept AS (
      INSERT INTO sweep (day, asked, held)
      SELECT at::date, count(*), count(*) FILTER (WHERE cardinality(sections) > 0)
        FROM told WHERE was_skipped GROUP BY at::date ORDER BY at::date
      ON CONFLICT (day) DO UPDATE SET asked = sweep.asked + excluded.asked, held = sweep.held + excluded.held
  ), latest AS (
      SELECT DISTINCT ON (patient, source, local_id) *
        FROM told WHERE local_id <> '' ORDER BY patient, source, local_id, at DESC
  )
  INSERT INTO pointer (patient, source, local_id, sections, empty, seen_at)
  SELECT patient, source, local_id, sections, empty, at FROM latest
  ON CONFLICT (patient, source, local_id) DO UPDATE
     SET sections = ARRAY (SELECT unnest(excluded.sections) UNION
                           SELECT unnest(pointer.sections) EXCEPT SELECT unnest(excluded.empty) ORDER BY 1),
         empty    = ARRAY (SELECT unnest(excluded.empty) UNION
                           SELECT unnest(pointer.empty) EXCEPT SELECT unnest(excluded.sections) ORDER BY 1),
         seen_at  = excluded.seen_at
   WHERE pointer.seen_at IS NULL OR pointer.seen_at <= excluded.seen_at
  RETURNING 1`;

const SWEPT = `
  SELECT coalesce(sum(asked), 0)::int AS asked, coalesce(sum(held), 0)::int AS held,
         coalesce(to_char(min(day), 'YYYY-MM-DD'), '') AS since
    FROM sweep`;

const zoned = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)$/;

const handlers = {
  where: ({ person }) => rows("where", POINTERS, [person]),
  learn: async ({ pointers, gone = [] }) => {
    if (gone.length) await rows("forget", FORGET, [JSON.stringify(gone)]);
    return { count: (await rows("learn", LEARN, [JSON.stringify(pointers)])).length };
  },
  seen: async ({ seen }) => {
    if (!seen.every((each) => zoned.test(each.at) && !Number.isNaN(Date.parse(each.at)))) {
      throw notUnderstood("The time at which a source answered needs a zone.");
    }
    return { count: (await rows("seen", SEEN, [JSON.stringify(seen)])).length };
  },
  swept: async () => (await rows("swept", SWEPT, []))[0],
};

async function missing() {
  try {
    const [{ there }] = await rows("there", "SELECT to_regclass('pointer') IS NOT NULL AS there", []);
    return there ? "" : "its database lacks a migration";
  } catch {
    return "its database does not answer";
  }
}

const lacks = await missing();
if (lacks) {
  log("not.ready", { service: "locator", missing: lacks });
  process.exit(1);
}
const fd = told.CARERECORD_INNER_FD; // a socket that is bound already, from whoever replaces one process by another
openDoor({
  name: "locator",
  contract: new URL("../../docs/reference/openapi.json", import.meta.url),
  keys: JSON.parse(readFileSync(told.CARERECORD_KEYS_FILE, "utf8")),
  handlers,
  missing,
  isSilence: (error) => typeof error.code === "string" || error instanceof AggregateError || /timeout|terminated/.test(error.message),
  where: fd ? { fd: Number(fd) } : { host: told.CARERECORD_HOST ?? "127.0.0.1", port: Number(told.CARERECORD_INNER_PORT ?? 8000) },
  stopped: () => db.end().then(() => process.exit(0)),
});
