// The SDK's client for Node, as a program: prints one JSON object. Arguments: an address and a key, or a command line.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [first, ...rest] = process.argv.slice(2);
const wish = { prompt: 'A lighthouse at dawn, slow aerial shot', duration_seconds: 2 };

function transport() {
  if (!first.startsWith('http')) {
    return new StdioClientTransport({ command: first, args: rest, env: process.env, stderr: 'ignore' });
  }
  const requestInit = { headers: { Authorization: `Bearer ${rest[0]}` } };
  return new StreamableHTTPClientTransport(new URL(first), { requestInit });
}

async function withClient(use) {
  const client = new Client({ name: 'flow', version: '1.0.0' });
  await client.connect(transport());
  try {
    return await use((name, args) => client.callTool({ name, arguments: args }), client);
  } finally {
    await client.close();
  }
}

const found = await withClient(async (call, client) => {
  const tools = (await client.listTools()).tools.map((tool) => tool.name);
  const plan = (await call('plan', wish)).structuredContent;
  let answer = await call('create', wish);
  const id = answer.structuredContent.video_id;
  while (!['succeeded', 'failed', 'cancelled', 'expired'].includes(answer.structuredContent.state)) {
    answer = await call('get', { video_id: id, wait_s: 50 });
  }
  const refused = await call('create', { ...wish, duration_seconds: 31 });
  return {
    tools,
    price: plan.price_usd,
    id,
    state: answer.structuredContent.state,
    link: answer.content.at(-1),
    refused: [refused.isError, refused.content[0].text],
  };
});
// Another client repeats the call.
found.again = await withClient(async (call) => (await call('create', wish)).structuredContent.video_id);
console.log(JSON.stringify(found));
