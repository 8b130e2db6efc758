// Prints what the official parser finds in the document of standard input, and what it read there.
import { text } from "node:stream/consumers";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(await text(process.stdin));
const found = diagnostics.map(({ code, message, path }) => ({ code, message, path: path.join("/") }));
const channels = document?.channels().all() ?? [];
const read = channels.map((channel) => ({
  address: channel.address() ?? null,
  messages: channel.messages().all().map((message) => message.name()),
  actions: channel.operations().all().map((operation) => operation.action()),
}));
console.log(JSON.stringify({ version: document?.version() ?? null, found, channels: read }));
