// What does fhir-kit-client do with this API? All that its test asks, and prints what came of it.
import { Client } from "fhir-kit-client";

const told = JSON.parse(process.argv[2]);
const client = new Client({ baseUrl: told.base });
const smart = await client.smartAuthMetadata();
const form = new URLSearchParams({
  grant_type: "client_credentials",
  scope: "system/*.cruds",
  client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
  client_assertion: told.assertion,
});
const given = await (await fetch(smart.tokenUrl, { method: "POST", body: form })).json();
client.bearerToken = given.access_token;
const software = (await client.capabilityStatement()).software.name;
const patient = await client.create({ resourceType: "Patient", body: { resourceType: "Patient", name: [{ family: "Marlow" }] } });
const updated = await client.update({
  resourceType: "Patient", id: patient.id, body: { ...patient, birthDate: "1949-03-02" },
});
const patched = await client.patch({
  resourceType: "Patient", id: patient.id, jsonPatch: [{ op: "replace", path: "/birthDate", value: "1950-03-02" }],
});
const found = await client.search({ resourceType: "Patient", searchParams: { family: "marlow" } });
for (const text of ["a", "b", "c"]) {
  const body = { resourceType: "Observation", status: "final", code: { text }, subject: { reference: `Patient/${patient.id}` } };
  await client.create({ resourceType: "Observation", body });
}
let page = await client.search({ resourceType: "Observation", searchParams: { patient: patient.id, _count: 1 } });
let pages = 0;
for (; page; page = await client.nextPage({ bundle: page })) pages += 1;
const done = await client.transaction({ body: { resourceType: "Bundle", type: "transaction", entry: told.entries } });
await client.delete({ resourceType: "Patient", id: patient.id });
const gone = await client.read({ resourceType: "Patient", id: patient.id }).then(() => 200, (error) => error.response.status);
console.log(JSON.stringify({
  software, updated: updated.birthDate, patched: patched.birthDate, found: found.total, pages, done: done.entry.length, gone,
}));
