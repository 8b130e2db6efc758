// Generated from the JSON Schema of the same name by scripts/types.js. Do not edit.

/**
 * The state of a job. The last four are terminal.
 */
export type JobState =
  "queued" | "submitting" | "generating" | "storing" | "succeeded" | "failed" | "cancelled" | "expired";
/**
 * The state of one clip.
 */
export type ClipState = "planned" | "submitting" | "accepted" | "done" | "refused" | "unknown" | "late";
/**
 * Whether the provider charged for a call, as far as it is known.
 */
export type Charged = "yes" | "no" | "unknown";
/**
 * The kind of a failure. It decides the HTTP status of the answer.
 */
export type Category =
  | "invalid_request"
  | "safety_filter"
  | "auth"
  | "not_found"
  | "conflict"
  | "quota"
  | "capacity"
  | "budget"
  | "cancelled"
  | "expired"
  | "timeout"
  | "upstream"
  | "storage"
  | "internal"
  | (string & {});
/**
 * Whether the provider charged for a call, as far as it is known.
 */
export type Charged1 = "yes" | "no" | "unknown";
/**
 * After which time a limit starts again from zero, in UTC.
 */
export type Period = "day" | "month" | (string & {});
/**
 * What a film waits for, or how its newest revision ended.
 */
export type FilmState =
  "planned" | "rendering" | "joining" | "succeeded" | "held" | "failed" | "cancelled" | (string & {});
/**
 * What became of a delivery.
 */
export type DeliveryState = "pending" | "delivered" | "failed" | "disabled" | (string & {});
/**
 * What becomes of a film if a scene has no video. A paid scene is kept in all cases.
 */
export type OnSceneFailure = "hold" | "card" | "skip" | "fail" | (string & {});

export interface Answers {
  Listing: Listing;
  BatchView: BatchView;
  BatchPlan: BatchPlan;
  VideoPlan: VideoPlan;
  SpendReport: SpendReport;
  Quote: Quote;
  Evidence: Evidence;
  Resolved: Resolved;
  ErasePreview: ErasePreview;
  Purge: Purge;
  DeadLetters: DeadLetters;
  DeadLetterDetail: DeadLetterDetail;
  DeadLetterDone: DeadLetterDone;
  Trouble: Trouble;
  Health: Health;
  DeliveryListing: DeliveryListing;
  DeliveryView: DeliveryView;
  DisabledEndpoints: DisabledEndpoints;
  EndpointEnabled: EndpointEnabled;
  WebhookTest: WebhookTest;
  WebhookSecret: WebhookSecret;
  KeySet: KeySet;
  FilmPlan: FilmPlan;
  FilmView: FilmView;
  FilmListing: FilmListing;
}
/**
 * One page of jobs.
 */
export interface Listing {
  videos: JobView[];
  /**
   * The `cursor` of the next page; null on the last page.
   */
  next_cursor: string | null;
}
/**
 * A job as callers see it.
 */
export interface JobView {
  video_id: string;
  state: JobState;
  life: number;
  /**
   * Frames written of all frames by the local renderer, at most 0.95 until the video is stored; for other models estimated from the time that they usually take.
   */
  progress: number;
  /**
   * 1 is next of its caller, or else project, in its lane; only while queued, where known.
   */
  queue_position: number | null;
  /**
   * What the job waits for, if its state does not say so: `turn`, `batch`, `quota`, …
   */
  waiting_for: string | null;
  cancel_requested: boolean;
  prompt: string;
  duration_seconds: number;
  quality: string;
  aspect_ratio: string;
  resolution: string;
  project_id: string | null;
  scene_index: number | null;
  labels: Labels;
  created_at: string;
  /**
   * Since then the prompt and the files are gone.
   */
  erased_at: string | null;
  timings: Timings;
  history: Transition[];
  clips: ClipView[];
  model: string | null;
  /**
   * Another model makes it than the one asked for.
   */
  fallback: Fallback | null;
  billed_seconds: number;
  cost_usd: number;
  charged: Charged;
  gcs_path: string | null;
  video_url: string | null;
  poster_url: string | null;
  width: number | null;
  height: number | null;
  /**
   * What is wrong with a video that is delivered all the same.
   */
  defect: string | null;
  /**
   * What a look at the video found. Lists and events leave it out by default.
   */
  checks: Checks | null;
  /**
   * The score of the video against its prompt. Lists and events leave it out.
   */
  evaluation: Evaluation | null;
  /**
   * The calls of the evaluation service: lines of the ledger, beside the clips.
   */
  evaluations: EvaluationCall[];
  error: Failure | null;
  /**
   * What keeps the job from going on, if that is no state of it.
   */
  notice: string | null;
  /**
   * Whose job it is; null for one that was made without a key.
   */
  caller: string | null;
}
export interface Labels {
  [k: string]: string;
}
/**
 * When the job was created, submitted, accepted and ended; None if that did not happen.
 */
export interface Timings {
  created_at: string | null;
  submitted_at: string | null;
  accepted_at: string | null;
  ended_at: string | null;
}
/**
 * The moment at which the job entered a state.
 */
export interface Transition {
  state: JobState;
  at: string;
}
/**
 * One entry of the ledger.
 */
export interface ClipView {
  index: number;
  state: ClipState;
  model: string;
  seconds: number;
  billed_seconds: number;
  price_usd: number;
  charged: Charged;
  attempt: number;
  operation: string | null;
  cause: Failure | null;
}
/**
 * Why something failed, so that a person can act on it.
 */
export interface Failure {
  category: Category;
  code: string;
  message: string;
  retryable: boolean;
  charged: Charged1;
  field: string | null;
}
/**
 * The model that was asked for, the one that makes the video, the reason and the price.
 */
export interface Fallback {
  asked_for: string;
  made_by: string;
  why: string;
  /**
   * Of the whole video, at the model that made it.
   */
  price_usd: number;
}
/**
 * The result of the local checks of one video.
 */
export interface Checks {
  /**
   * The version of the rules, for example 2026-11.
   */
  rules: string;
  changed_rules: ChangedRules;
  /**
   * How long the checks took.
   */
  checked_in_ms: number;
  flags: Flag[];
  /**
   * Where the picture changes at once, in seconds.
   */
  cuts: number[];
  /**
   * Integrated loudness (EBU R 128).
   */
  loudness_lufs: number | null;
  /**
   * The highest peak between the samples.
   */
  true_peak_dbtp: number | null;
  /**
   * How alike the first frame and the reference image are: 1 is the same.
   */
  first_frame_ssim: number | null;
  /**
   * kept or dropped: whether the video has a C2PA manifest like its sources; null if they have none.
   */
  provenance: string | null;
  /**
   * Why nothing could be measured; such a video is not bad.
   */
  unchecked: string | null;
}
/**
 * The thresholds that the operator has set to another value.
 */
export interface ChangedRules {
  [k: string]: number;
}
/**
 * One thing about the video that a person should look at. It fails no job.
 */
export interface Flag {
  /**
   * black, frozen, flicker, cut, letterbox, pillarbox, silent, partly_silent, too_loud, too_quiet, no_audio_track, first_frame_differs, provenance_dropped; later versions may add codes.
   */
  code: string;
  /**
   * Where it begins; absent for the whole video.
   */
  from_seconds: number | null;
  /**
   * Where it ends.
   */
  to_seconds: number | null;
  /**
   * What was measured, in the unit of its rule.
   */
  value: number | null;
}
/**
 * The score of one video against its prompt, or why it has none. A low score fails no job.
 */
export interface Evaluation {
  /**
   * For example gecko_text2video_v2; null without a score.
   */
  metric: string | null;
  /**
   * The share of the prompt that the video shows, 0 to 1.
   */
  score: number | null;
  verdicts: Verdict[];
  /**
   * The questions are those of the prompt, which its other takes are asked as well.
   */
  comparable: boolean;
  evaluated_at: string | null;
  /**
   * Why there is no score; such a video is not bad.
   */
  unevaluated: string | null;
}
/**
 * The answer to one question about the video.
 */
export interface Verdict {
  /**
   * What the video should show.
   */
  text: string;
  /**
   * Whether the video shows it.
   */
  holds: boolean;
  /**
   * What the service says about it, if it says anything.
   */
  reason: string | null;
}
/**
 * One call. Only `schemas.domain.state_machine` adds and ends one.
 */
export interface EvaluationCall {
  /**
   * evaluation: of the video; rubrics: questions about the prompt.
   */
  kind: string;
  metric: string;
  at: string;
  ended_at: string | null;
  /**
   * answered, refused, metric_refused, no_answer; null while it is under way.
   */
  outcome: string | null;
  /**
   * By the setting; null if it is not known.
   */
  price_usd: number | null;
  /**
   * The file with the questions, in the video store.
   */
  rubrics: string | null;
}
/**
 * A batch with its jobs.
 */
export interface BatchView {
  batch_id: string;
  /**
   * All of its jobs have ended.
   */
  ended: boolean;
  states: States;
  /**
   * The planned prices of all jobs together, when the batch was ordered.
   */
  price_usd: number;
  /**
   * What is known to have been spent.
   */
  cost_usd: number;
  /**
   * The jobs, in the order of the requests.
   */
  videos: JobView[];
}
/**
 * How many jobs are in each state.
 */
export interface States {
  [k: string]: number;
}
/**
 * What a batch with this body would make.
 */
export interface BatchPlan {
  batch_id: string;
  /**
   * The planned prices of all requests together.
   */
  price_usd: number;
  billed_seconds: number;
  /**
   * The length of all videos together.
   */
  duration_seconds: number;
  /**
   * The batch was ordered before: the call would return its jobs, and pay nothing.
   */
  exists: boolean;
  /**
   * Why it would not be ordered now, although each request is valid.
   */
  refusal: Failure | null;
  /**
   * What keeps jobs from being made now, for example that no worker runs.
   */
  notice: string | null;
  /**
   * In the order of the requests.
   */
  videos: BatchItemPlan[];
}
/**
 * What one request of a batch would make.
 */
export interface BatchItemPlan {
  video_id: string;
  model: string;
  price_usd: number;
  billed_seconds: number;
  duration_seconds: number;
  warnings: string[];
}
/**
 * What a generate call with this body would make.
 */
export interface VideoPlan {
  clips: PlannedClip[];
  billed_seconds: number;
  price_usd: number;
  /**
   * The length of the video.
   */
  duration_seconds: number;
  /**
   * What is made beyond that length, and cut off.
   */
  cut_seconds: number;
  /**
   * How long the models usually take, one clip after the other.
   */
  expected_s: number;
  model: string;
  /**
   * Built from the scene if the request has none.
   */
  prompt: string;
  /**
   * What the caller should know about the models before it pays.
   */
  warnings: string[];
  /**
   * The limits of spending that cover it; only for an operator, since others share them.
   */
  budgets: Cap[];
  /**
   * The least that is left of them; null without budgets.
   */
  budget_left_usd: number | null;
  /**
   * Why it would not be made now, although the request is valid.
   */
  refusal: Failure | null;
  /**
   * The job that exists for this id: the call would return it, and pay nothing.
   */
  video_id: string | null;
  /**
   * What keeps jobs from being made now, for example that no worker runs.
   */
  notice: string | null;
}
/**
 * One paid call, which becomes one entry of the ledger.
 */
export interface PlannedClip {
  model: string;
  /**
   * Length of what this call adds.
   */
  seconds: number;
  billed_seconds: number;
  price_usd: number;
  /**
   * How long it usually takes, for the estimated progress.
   */
  expected_s: number;
  /**
   * Its file holds all clips before it as well.
   */
  extends: boolean;
}
/**
 * One limit in its present period.
 */
export interface Cap {
  /**
   * all, project:ID or label:KEY=VALUE
   */
  scope: string;
  period: Period;
  /**
   * The present day or month in UTC, for example 2026-01-31 or 2026-01.
   */
  now: string;
  limit_usd: number;
  /**
   * Paid, perhaps paid, or reserved for a clip that is about to be sent.
   */
  used_usd: number;
  left_usd: number;
  opens_again: string;
}
/**
 * Amounts in US dollars. Days and months are those in UTC on which a clip was last sent.
 */
export interface SpendReport {
  since: string;
  as_of: string;
  total: Amounts;
  today: Amounts;
  month: Amounts;
  by_model: Group[];
  by_project: Group[];
  /**
   * Only for an operator.
   */
  by_caller: Group[];
  by_day: Group[];
  /**
   * The limits of spending; only for an operator, since callers share them.
   */
  caps: Cap[];
  evaluations: EvaluationSums;
  /**
   * Why the sums are not those of all jobs; null if they are.
   */
  notice: string | null;
}
/**
 * Amounts in US dollars; each amount counts in one field only.
 */
export interface Amounts {
  clips: number;
  charged_usd: number;
  unknown_usd: number;
  reserved_usd: number;
}
/**
 * The amounts of one key, which is null for jobs without that project or label.
 */
export interface Group {
  clips: number;
  charged_usd: number;
  unknown_usd: number;
  reserved_usd: number;
  key: string | null;
}
/**
 * Calls of the evaluation service since `since`; no other sum has them.
 */
export interface EvaluationSums {
  calls: number;
  cost_usd: number;
  unpriced_calls: number;
}
/**
 * What a replay would pay for.
 */
export interface Quote {
  may_replay: boolean;
  why_not: string | null;
  price_usd: number;
  payments: PaymentView[];
  /**
   * The life of the job; null for a dead letter.
   */
  life: number | null;
}
/**
 * One clip that would be sent to a paid model.
 */
export interface PaymentView {
  clip: number;
  model: string;
  price_usd: number;
  /**
   * What was charged for it before, without a video.
   */
  charged_usd: number;
  /**
   * How many earlier submits of it may have been charged.
   */
  doubts: number;
}
/**
 * A job and its unresolved clips.
 */
export interface Evidence {
  job_id: string;
  state: JobState;
  life: number;
  charged: Charged;
  cost_usd: number;
  doubts: UnresolvedClip[];
  /**
   * What to search for in the workers' logs.
   */
  log: string;
}
/**
 * One clip whose charge is unknown.
 */
export interface UnresolvedClip {
  clip: number;
  state: ClipState;
  model: string;
  price_usd: number;
  charged: Charged;
  attempt: number;
  sent_at: string | null;
  sent_by: string | null;
  nonce: string | null;
  operation: string | null;
  cause: string | null;
  /**
   * The attempt in doubt; null if only earlier attempts are in doubt.
   */
  present: Attempt | null;
  /**
   * Earlier attempts whose outcome is still unknown.
   */
  lost: Attempt[];
  /**
   * Operations that were found late: they are charged already.
   */
  late: string[];
}
/**
 * The object prefix of one attempt, and the files that are stored there now.
 */
export interface Attempt {
  prefix: string;
  files: string[];
}
/**
 * The job after a decision.
 */
export interface Resolved {
  job: JobView;
  clip: number;
  /**
   * The video that was found and is used instead of the decision.
   */
  adopted: string | null;
}
/**
 * Whether the job can be erased now.
 */
export interface ErasePreview {
  may_erase: boolean;
  why_not: string | null;
}
/**
 * What was erased, or would be.
 */
export interface Purge {
  dry_run: boolean;
  erased: string[];
  /**
   * Erased, but a worker must delete files or dead letters that could not be read or deleted now.
   */
  unfinished: string[];
  kept: Kept[];
  /**
   * The stored ids of films whose finished files may show an erased scene: generated-videos/film_ID-*.mp4. They are not deleted; erasing the film deletes them.
   */
  films: string[];
  /**
   * The stored ids of the films that were erased.
   */
  erased_films: string[];
  /**
   * Erased, but a worker must delete files that could not be deleted now.
   */
  unfinished_films: string[];
  kept_films: KeptFilm[];
}
/**
 * A job that is not erased.
 */
export interface Kept {
  job_id: string;
  reason: string;
}
/**
 * A film that is not erased.
 */
export interface KeptFilm {
  film_id: string;
  reason: string;
}
/**
 * Dead letters, the newest first.
 */
export interface DeadLetters {
  dead_letters: DeadLetterView[];
}
/**
 * A message that is not delivered any more, without its body.
 */
export interface DeadLetterView {
  id: string;
  job_id: string | null;
  died_at: string;
  cause: string;
  deliveries: number;
  topic: string;
  subscription: string;
}
/**
 * A dead letter with its body, and what its replay would pay for.
 */
export interface DeadLetterDetail {
  id: string;
  job_id: string | null;
  died_at: string;
  cause: string;
  deliveries: number;
  topic: string;
  subscription: string;
  attributes: Attributes;
  /**
   * The JSON that it holds, or its text; null if it has more than 100,000 bytes.
   */
  body: {
    [k: string]: unknown;
  };
  replay: Quote;
}
export interface Attributes {
  [k: string]: string;
}
/**
 * The dead letter that was replayed or deleted.
 */
export interface DeadLetterDone {
  replayed: string | null;
  dropped: string | null;
}
/**
 * The lists, each with 50 entries at most, and 50 films in each of the two states.
 */
export interface Trouble {
  as_of: string;
  dead_letters: DeadLetterView[];
  /**
   * Clips of which it is unknown whether they were charged.
   */
  doubtful: Stuck[];
  /**
   * Clips that were charged after their job had gone on.
   */
  late: Stuck[];
  /**
   * Jobs that are in their state for longer than usual, the oldest first.
   */
  overdue: Stuck[];
  /**
   * Films that wait for a person (`held`), the newest first, and then those that failed.
   */
  films: FilmOutline[];
  more: More;
}
/**
 * A job that an operator should look at.
 */
export interface Stuck {
  video_id: string;
  caller: string | null;
  project_id: string | null;
  state: JobState;
  since: string;
  clip: number | null;
  model: string | null;
  /**
   * Of the clip, or of the whole plan.
   */
  price_usd: number;
  why: string;
  action: "resolve" | "replay" | "cancel" | "wait" | "none" | (string & {});
}
/**
 * A film in a list: what is known without its scenes' jobs.
 */
export interface FilmOutline {
  film_id: string;
  revision: number;
  state: FilmState;
  project_id: string | null;
  /**
   * How many scenes its storyboard has.
   */
  scenes: number;
  /**
   * What this revision adds.
   */
  price_usd: number;
  created_at: string;
  changed_at: string;
  /**
   * The newest finished file.
   */
  gcs_path: string | null;
  video_url: string | null;
  /**
   * The file is of an earlier revision.
   */
  is_stale: boolean;
  /**
   * The length of the newest finished file.
   */
  duration_seconds: number | null;
  error: Failure | null;
  /**
   * When the film was erased with its words and files.
   */
  erased_at: string | null;
  caller: string | null;
}
/**
 * Which lists have more entries than they show.
 */
export interface More {
  [k: string]: boolean;
}
/**
 * Counts stop at 10,000, those of dead letters at 1,000.
 */
export interface Health {
  as_of: string;
  counts: Counts;
  oldest_queued_at: string | null;
  /**
   * Null where a look would hide them from other readers, as on Pub/Sub.
   */
  dead_letters: number | null;
  /**
   * Null if the bus can't count its messages, as Pub/Sub.
   */
  backlog: BacklogView[] | null;
  /**
   * Seen within 15 minutes, the latest first; they report once a minute.
   */
  workers: WorkerView[];
  /**
   * That no worker has been seen, if so.
   */
  notice: string | null;
}
export interface Counts {
  [k: string]: number;
}
/**
 * The messages of one subscription that are not settled.
 */
export interface BacklogView {
  subscription: string;
  messages: number;
  oldest_at: string | null;
}
/**
 * One worker, as its last heartbeat describes it. A worker of the release before describes nothing.
 */
export interface WorkerView {
  owner: string;
  seen_at: string;
  /**
   * How many jobs it runs at once.
   */
  slots: number | null;
  /**
   * Jobs that run or wait for a slot.
   */
  running: number | null;
  /**
   * Messages that it holds, by lane.
   */
  held: {
    [k: string]: number;
  } | null;
  models: ModelPace[];
}
/**
 * How fast one worker submits to one model.
 */
export interface ModelPace {
  model: string;
  per_minute: number;
  /**
   * The worker's share of the quota.
   */
  quota_per_minute: number;
  /**
   * Submits that wait for their turn.
   */
  waiting: number;
  /**
   * Seconds since the quota was used up; null if it never was.
   */
  refused_s_ago: number | null;
}
/**
 * A page of deliveries, the newest first.
 */
export interface DeliveryListing {
  deliveries: DeliveryView[];
  next_cursor: string | null;
}
/**
 * A delivery with its attempts. The address is shown without its query, which may hold a token.
 */
export interface DeliveryView {
  /**
   * The `webhook-id`, a dot, and the endpoint.
   */
  id: string;
  webhook_id: string;
  type: string;
  /**
   * The job that ended; null if it is a film.
   */
  video_id: string | null;
  /**
   * The film of which a revision ended; null if it is a job.
   */
  film_id: string | null;
  caller: string | null;
  /**
   * `request`: the address comes from the request or storyboard; else an endpoint of the settings.
   */
  endpoint: string;
  url: string;
  state: DeliveryState;
  /**
   * The last 20.
   */
  attempts: Attempt1[];
  created_at: string;
  /**
   * When the next attempt is due.
   */
  next_at: string | null;
}
/**
 * One attempt. Nothing of the receiver's answer is kept but its status.
 */
export interface Attempt1 {
  at: string;
  status: number | null;
  ms: number;
  error: string | null;
}
/**
 * The disabled endpoints, by their names.
 */
export interface DisabledEndpoints {
  endpoints: DisabledEndpointView[];
}
/**
 * An endpoint that gets no events until it is enabled again.
 */
export interface DisabledEndpointView {
  name: string;
  /**
   * The address that answered 410, without its query. Another address gets events.
   */
  url: string;
  disabled_at: string;
  /**
   * The delivery whose answer was 410.
   */
  delivery_id: string;
}
/**
 * The endpoint that gets events again.
 */
export interface EndpointEnabled {
  enabled: string;
}
/**
 * How a receiver answered a test event.
 */
export interface WebhookTest {
  status: number | null;
  ms: number;
  /**
   * One word; null if the receiver accepted the event.
   */
  error: string | null;
}
/**
 * The secret with which a caller's receivers verify events.
 */
export interface WebhookSecret {
  /**
   * `whsec_…`, by Standard Webhooks.
   */
  secret: string;
  /**
   * Secrets that sign as well, for as long as the operator rotates them.
   */
  former: string[];
  /**
   * `whpk_…`: keys that sign for all callers (`v1a`), also at `/.well-known/jwks.json`.
   */
  public_keys: string[];
}
/**
 * The public keys of this installation: during a rotation several, without a key none.
 */
export interface KeySet {
  keys: PublicKey[];
}
/**
 * An Ed25519 public key as JSON Web Key (RFC 8037).
 */
export interface PublicKey {
  kty: string;
  crv: string;
  /**
   * The 32 bytes of the key in base64url.
   */
  x: string;
  alg: string;
  use: string;
  /**
   * The thumbprint of the key (RFC 7638).
   */
  kid: string;
}
/**
 * What an order of this storyboard would make.
 */
export interface FilmPlan {
  film_id: string;
  revision: number;
  scenes: ScenePlan[];
  titles: FilmTitleEnd[];
  /**
   * The sum of what is new.
   */
  price_usd: number;
  /**
   * The length of the film. A crossfade shows two scenes at once.
   */
  duration_seconds: number;
  /**
   * How long the models usually take. Only scenes that continue wait for others.
   */
  expected_s: number;
  warnings: string[];
  /**
   * Why it would not be ordered now, although the storyboard is valid.
   */
  refusal: Failure | null;
}
/**
 * What one scene would cost, and when the film would show it.
 */
export interface ScenePlan {
  name: string;
  /**
   * The job of the scene.
   */
  video_id: string;
  /**
   * `new` is paid for; `reused` exists; `replay` was cancelled before anything was sent; `failed` has no video, and is replayed or taken again; `erased` needs another take.
   */
  status: "new" | "reused" | "replay" | "failed" | "erased" | (string & {});
  model: string;
  /**
   * What this revision adds. A scene that comes twice is paid for once.
   */
  price_usd: number;
  duration_seconds: number;
  start_s: number;
  end_s: number;
}
/**
 * When a film shows a title card.
 */
export interface FilmTitleEnd {
  /**
   * The `name` of the scene that it was ordered for.
   */
  before: string;
  text: string;
  start_s: number;
  end_s: number;
}
/**
 * A film and its scenes, in the order of the storyboard.
 */
export interface FilmView {
  film_id: string;
  revision: number;
  state: FilmState;
  on_scene_failure: OnSceneFailure;
  scenes: SceneView[];
  titles: FilmTitleEnd[];
  /**
   * What this revision adds.
   */
  price_usd: number;
  /**
   * What is known to have been spent on the scenes of this revision.
   */
  cost_usd: number;
  /**
   * The length of the film.
   */
  duration_seconds: number;
  created_at: string;
  changed_at: string;
  /**
   * The newest finished file.
   */
  gcs_path: string | null;
  video_url: string | null;
  /**
   * Files beside the newest finished file.
   */
  files: FilmFileView[];
  /**
   * The file is of an earlier revision.
   */
  is_stale: boolean;
  width: number | null;
  height: number | null;
  /**
   * kept or dropped: whether the file has a C2PA manifest as its scenes have; null if they have none.
   */
  provenance: string | null;
  error: Failure | null;
  caller: string | null;
  /**
   * When the film was erased with its words and files.
   */
  erased_at: string | null;
}
/**
 * One scene of a film.
 */
export interface SceneView {
  name: string;
  take: number;
  /**
   * The job of the scene.
   */
  video_id: string;
  /**
   * The state of that job; `planned` before a worker has made it.
   */
  state: string;
  progress: number;
  /**
   * The job was there before this revision, which pays nothing for it.
   */
  reused: boolean;
  /**
   * What this revision adds for it.
   */
  price_usd: number;
  /**
   * What is known to have been spent on the job.
   */
  cost_usd: number;
  duration_seconds: number;
  /**
   * When the film shows it; null if the film leaves it out.
   */
  start_s: number | null;
  end_s: number | null;
  /**
   * The film shows a card in its place: its job has no video.
   */
  is_card: boolean;
  error: Failure | null;
  /**
   * When the job was erased with its prompt and its video. The film may still show it.
   */
  erased_at: string | null;
}
/**
 * A file beside the film.
 */
export interface FilmFileView {
  kind: string;
  gcs_path: string;
  url: string;
}
/**
 * One page of films.
 */
export interface FilmListing {
  films: FilmOutline[];
  /**
   * The `cursor` of the next page; null on the last page.
   */
  next_cursor: string | null;
}
