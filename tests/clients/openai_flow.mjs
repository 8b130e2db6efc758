// OpenAI's client for Node, as a program: prints one JSON object. Arguments: base URL, key, folder, image.
import fs from 'node:fs';
import path from 'node:path';
import OpenAI, { toFile } from 'openai';

const [baseURL, apiKey, folder, image] = process.argv.slice(2);
const prompt = 'A lighthouse at dawn, slow aerial shot';
const client = new OpenAI({ baseURL, apiKey, maxRetries: 2 });

async function wait(video) {
  while (video.status === 'queued' || video.status === 'in_progress') {
    await new Promise((resolve) => setTimeout(resolve, 200));
    video = await client.videos.retrieve(video.id);
  }
  return video;
}

async function refusal(ask) {
  try {
    await ask();
  } catch (error) {
    return `${error.constructor.name} ${error.param} ${error.code}`;
  }
  return 'none';
}

async function save(id, variant, name) {
  const answer = await client.videos.downloadContent(id, { variant });
  fs.writeFileSync(path.join(folder, name), Buffer.from(await answer.arrayBuffer()));
}

const video = await wait(
  await client.videos.create({
    model: 'sora-2',
    prompt,
    seconds: '4',
    size: '1280x720',
    input_reference: await toFile(fs.readFileSync(image), 'frame.png'), // a stream would not be sent again
  }),
);
await save(video.id, 'video', 'node.mp4');
await save(video.id, 'thumbnail', 'node.jpg');
await save(video.id, 'spritesheet', 'sheet.jpg');
const refused = {
  size: await refusal(() => client.videos.create({ prompt, size: '1792x1024' })),
  unknown: await refusal(() => client.videos.retrieve('none')),
};
const second = await wait(await client.videos.create({ prompt, seconds: '4' }));
const listed = [];
for await (const each of client.videos.list({ limit: 1 })) listed.push(each.id);
const oldest = (await client.videos.list({ limit: 1, order: 'asc' })).data[0].id;
const deleted = (await client.videos.delete(video.id)).deleted;
const gone = (await refusal(() => client.videos.retrieve(video.id))).startsWith('NotFoundError');
console.log(JSON.stringify({ video, second: second.id, listed, oldest, deleted, gone, refused }));
