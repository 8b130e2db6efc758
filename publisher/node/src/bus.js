/** Google Cloud Pub/Sub by its official client: publishes, and receives completions on one subscription. */

import { randomUUID } from "node:crypto";

import { ReelbusError, unreachable } from "./errors.js";
import { answered } from "./log.js";
import { COMPLETIONS, completionOf, isForeign } from "./messages.js";

const CALL = { timeout: 20_000 };
const EXPIRES_AFTER_S = 86_400; // the shortest that Pub/Sub allows: the subscription of a killed process stays so long
const KEEPS_S = 600;
const ACK_DEADLINE_S = 60;
const UNREADABLE_AGAIN_MS = 60_000;
const NOT_FOUND = 5;
const AUTH = new Map([
  [7, "permission_denied"],
  [16, "unauthenticated"],
]);

/** The topics of one project. `heard` gets every completion with its trace; `lost` is called if no more can arrive. */
export class Bus {
  #projectId;
  #named;
  #heard;
  #lost;
  #pubsub;
  #subscription = null;
  #unread = new Set(); // timers, one for each message that can't be read

  constructor({ projectId, subscription, heard, lost }) {
    this.#projectId = projectId;
    this.#named = subscription;
    this.#heard = heard;
    this.#lost = lost;
  }

  /** Publishes; the message is durable once this returns. Throws `unreachable`: it may have been published or not. */
  async publish(topic, message) {
    const { pubsub } = await this.#opened();
    const publisher = pubsub.topic(topic, { gaxOpts: CALL });
    await this.#translated(topic, message.attributes.job_id, () => publisher.publishMessage(message));
  }

  /** Starts to receive completions: every one that is published from now on. */
  async listen() {
    this.#subscription ??= this.#subscribed().catch((error) => {
      this.#subscription = null;
      throw error;
    });
    await this.#subscription;
  }

  /** Closes the connection. A subscription of this process alone is deleted. */
  async close() {
    const subscription = await this.#subscription?.catch(() => null);
    this.#subscription = null;
    if (subscription) await this.#left(subscription);
    const opened = await this.#pubsub;
    this.#pubsub = undefined;
    await opened?.pubsub.close();
  }

  async #subscribed() {
    const { pubsub } = await this.#opened();
    const subscription = this.#named ? pubsub.subscription(this.#named) : await this.#created(pubsub);
    subscription.on("message", (message) => this.#took(message));
    subscription.on("error", (error) => this.#broke(subscription, error));
    return subscription;
  }

  async #created(pubsub) {
    const options = {
      expirationPolicy: { ttl: { seconds: EXPIRES_AFTER_S } },
      messageRetentionDuration: { seconds: KEEPS_S },
      ackDeadlineSeconds: ACK_DEADLINE_S,
      gaxOpts: CALL,
    };
    const create = () => pubsub.topic(COMPLETIONS).createSubscription(`node-${randomUUID()}`, options);
    const [subscription] = await this.#translated(COMPLETIONS, null, create);
    return subscription;
  }

  async #left(subscription) {
    this.#forget();
    subscription.removeAllListeners("message");
    await subscription.close();
    if (this.#named) return;
    await subscription.delete(CALL).catch((error) => answered("delete subscription", { error: error.message }));
  }

  #took(message) {
    const completion = isForeign(message) ? null : completionOf(message);
    answered("completion", { video_id: completion?.job_id, state: completion?.state, id: message.attributes["ce-id"] });
    if (completion) this.#heard(completion, message.attributes.traceparent);
    if (completion || isForeign(message)) message.ack();
    else this.#keep(message);
  }

  /** Leaves a message to another program or the dead-letter policy, but delays its next delivery. */
  #keep(message) {
    const timer = setTimeout(() => {
      this.#unread.delete(timer);
      message.nack();
    }, UNREADABLE_AGAIN_MS).unref();
    this.#unread.add(timer);
  }

  #broke(subscription, error) {
    this.#subscription = null;
    this.#forget();
    subscription.removeAllListeners("message");
    subscription.close().catch(() => {});
    this.#lost(this.#translate(error, COMPLETIONS, null));
  }

  /** Forgets the messages that can't be read: Pub/Sub delivers them again once this connection is closed. */
  #forget() {
    for (const timer of this.#unread) clearTimeout(timer);
    this.#unread.clear();
  }

  #opened() {
    this.#pubsub ??= opened(this.#projectId);
    return this.#pubsub;
  }

  async #translated(topic, videoId, work) {
    try {
      return await work();
    } catch (error) {
      throw this.#translate(error, topic, videoId);
    }
  }

  #translate(error, topic, videoId) {
    if (error.code === NOT_FOUND) {
      const what = this.#named && topic === COMPLETIONS ? `subscription ${this.#named}` : `topic ${topic}`;
      const message = `there is no ${what} in project ${this.#projectId}; \`reelbus setup\` makes what is needed`;
      return new ReelbusError(message, { category: "upstream", code: "no_topic", status: null, detail: message });
    }
    const message = `Pub/Sub failed (${error.details || error.message})`;
    const code = AUTH.get(error.code);
    if (code) return new ReelbusError(message, { category: "auth", code, status: null, detail: message, cause: error });
    return unreachable(message, { cause: error, videoId });
  }
}

async function opened(projectId) {
  try {
    const { PubSub } = await import("@google-cloud/pubsub");
    return { pubsub: new PubSub({ projectId }) };
  } catch (error) {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    const message = "pubsub:// needs Google's client: npm install @google-cloud/pubsub";
    throw new ReelbusError(message, { code: "no_client", status: null, detail: message, cause: error });
  }
}
