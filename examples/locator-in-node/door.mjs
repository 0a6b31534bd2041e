// How does a service written in JavaScript open an inner door? By the contract alone: docs/reference/openapi.json.
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";

const CALLER = "x-carerecord-caller";
const REQUEST = "x-request-id";
const MOST_BYTES = 32_000_000;
const DRAIN_MS = 2_500; // longer than callers keep an idle connection

/** What this door says no with. `kind` and `status` are a class of error of the contract. */
export class Spoken extends Error {
  constructor(kind, status, says, facts = {}) {
    super(says);
    Object.assign(this, { kind, status, facts });
  }
}
export const notUnderstood = (says) => new Spoken("NotUnderstood", 400, says);
const silent = () =>
  new Spoken("Unavailable", 503, "A part of the system that is needed does not answer. Try again in a moment.");
const fault = () =>
  new Spoken("CareRecordError", 500, "Something failed inside. It has been written down for those who run this system.");

/**
 * A door for one service. `handlers` has a function for each word; `missing` answers what the service lacks, "" for nothing;
 * `isSilence` knows the errors that mean that its database does not answer.
 */
export function openDoor({ name, contract, keys, handlers, missing, isSilence, where, stopped }) {
  const document = JSON.parse(readFileSync(contract, "utf8"));
  const questions = new Map();
  for (const [path, { post }] of Object.entries(document.paths)) {
    const [, service, , word] = path.split("/");
    if (service === name && post) questions.set(word, { ...post, asked: schemaOf(post), handler: handlers[word] });
  }
  const without = [...questions].filter(([, each]) => !each.handler).map(([word]) => word);
  if (without.length) throw new Error(`no handler for: ${without.join(", ")}`);

  const key = Buffer.from(keys.door, "hex");
  const callers = new Set([...questions.values()].flatMap((each) => each["x-callers"]));
  const counted = new Map();
  let leaving = false;

  async function answer(request, word) {
    const caller = callerOf(key, request.headers[CALLER] ?? "");
    if (!caller) throw refused("This door is open to services with a credential only.", "door/credential");
    if (!callers.has(caller)) throw refused(`The catalogue does not let ${caller} ask ${name}.`, "door/catalogue");
    const question = questions.get(word);
    if (!question) throw new Spoken("NotFound", 404, "There is no such question here.");
    return question.handler(shaped(document, question.asked, parsed(await bodyOf(request))));
  }

  async function ask(request, reply, word) {
    const began = performance.now();
    const known = questions.has(word) ? word : "unknown"; // what anybody may write in an address is no label
    try {
      const answered = JSON.stringify(await answer(request, word));
      count(counted, known, "answered", began);
      send(reply, 200, answered);
    } catch (error) {
      const told = error instanceof Spoken ? error : isSilence(error) ? silent() : fault();
      if (told !== error) log("question.failed", { service: name, question: known, error: error.constructor.name, code: error.code });
      count(counted, known, told.kind, began);
      send(reply, told.status, JSON.stringify({ error: told.kind, says: told.message, facts: told.facts }));
    }
  }

  async function about(reply, word) {
    if (word === "/health/live") return send(reply, 200, JSON.stringify({ service: name, live: true }));
    if (word === "/metrics") return send(reply, 200, metrics(name, counted), "text/plain; version=0.0.4");
    if (word !== "/health/ready") return send(reply, 404, "Not Found", "text/plain");
    const lacks = await missing();
    send(reply, lacks ? 503 : 200, JSON.stringify({ service: name, ready: !lacks, missing: lacks }));
  }

  const server = http.createServer((request, reply) => {
    const given = request.headers[REQUEST] ?? "";
    reply.setHeader(REQUEST, /^[A-Za-z0-9-]{8,64}$/.test(given) ? given : randomBytes(12).toString("hex"));
    if (leaving) reply.setHeader("connection", "close");
    const path = request.url.startsWith(`/${name}/`) ? request.url.slice(name.length + 1) : request.url;
    if (request.method === "POST" && path.startsWith("/ask/")) return void ask(request, reply, path.slice(5));
    return void about(reply, path);
  });
  server.keepAliveTimeout = 75_000; // callers let go first
  server.listen(where);

  const end = () => {
    if (leaving) return;
    leaving = true;
    net.Server.prototype.close.call(server, stopped); // no new connection; those that are open stay, unlike server.close()
    setTimeout(() => server.closeIdleConnections(), DRAIN_MS).unref();
    setTimeout(() => server.closeAllConnections(), 10_000).unref();
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  return server;
}

export function log(event, fields) {
  process.stderr.write(`${JSON.stringify({ event, ...fields, at: new Date().toISOString() })}\n`);
}

const schemaOf = (post) => post.requestBody.content["application/json"].schema;
const refused = (says, rule) => new Spoken("Refused", 403, says, { rule });

function send(reply, status, body, type = "application/json") {
  reply.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
  reply.end(body);
}

function callerOf(key, shown) {
  const [caller, mac] = [shown.slice(0, shown.indexOf(":")), shown.slice(shown.indexOf(":") + 1)];
  const wanted = Buffer.from(createHmac("sha256", key).update(caller).digest("hex"));
  const given = Buffer.from(mac);
  return caller && given.length === wanted.length && timingSafeEqual(given, wanted) ? caller : "";
}

async function bodyOf(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > MOST_BYTES) throw notUnderstood("The question is larger than this door takes.");
    parts.push(part);
  }
  return Buffer.concat(parts);
}

const misshapen = () => notUnderstood("The question does not have the shape that its contract states.");

function parsed(body) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw misshapen();
  }
}

/** The value as the schema has it: unknown fields left out, defaults filled in. Anything else is not of that shape. */
export function shaped(document, schema, value) {
  if (schema.$ref) return shaped(document, document.components.schemas[schema.$ref.split("/").pop()], value);
  if (schema.anyOf) {
    const fits = schema.anyOf.filter((each) => (each.type === "null") === (value === null));
    if (fits.length !== 1) throw misshapen();
    return shaped(document, fits[0], value);
  }
  switch (schema.type) {
    case "object": {
      if (value === null || typeof value !== "object" || Array.isArray(value)) throw misshapen();
      const made = {};
      for (const [field, each] of Object.entries(schema.properties)) {
        if (Object.hasOwn(value, field)) made[field] = shaped(document, each, value[field]);
        else if ((schema.required ?? []).includes(field)) throw misshapen();
        else made[field] = structuredClone(each.default);
      }
      return made;
    }
    case "array":
      if (!Array.isArray(value)) throw misshapen();
      return value.map((each) => shaped(document, schema.items, each));
    case "null":
      if (value !== null) throw misshapen();
      return value;
    case "string":
    case "boolean":
      if (typeof value !== schema.type) throw misshapen();
      return value;
    default:
      throw new Error(`this door does not read ${schema.type} yet`);
  }
}

function count(counted, word, outcome, began) {
  const key = `question="${word}",outcome="${outcome}"`;
  const [times, seconds] = counted.get(key) ?? [0, 0];
  counted.set(key, [times + 1, seconds + (performance.now() - began) / 1000]);
}

function metrics(name, counted) {
  const lines = ["# TYPE carerecord_question_seconds summary"];
  for (const [labels, [times, seconds]] of counted) {
    lines.push(`carerecord_question_seconds_count{service="${name}",${labels}} ${times}`);
    lines.push(`carerecord_question_seconds_sum{service="${name}",${labels}} ${seconds}`);
  }
  return `${lines.join("\n")}\n`;
}
