// Calls of tools that become tasks: their states, requests and end. Specification: extension io.modelcontextprotocol/tasks.

import { el } from "./forms.js";
import { request, ResponseError } from "./protocol.js";

const EXTENSIONS = { extensions: { "io.modelcontextprotocol/tasks": {} } };
const ENDED = ["completed", "failed", "cancelled"];
const INTERVAL = 1000; // milliseconds between two polls, unless the server suggests others
const LONGEST_INTERVAL = 60_000;
const MOST_MESSAGES = 400;

/**
 * Call a tool and return its result; if the call becomes a task, wait for the result of the task.
 *
 * @param {object} params the parameters of `tools/call`
 * @param {object} options those of `request`; `onTask` gets each state of a task, `answer` the requests and a signal.
 *   `signal` cancels the task as well.
 */
export async function callTool(params, options) {
  const found = await request("tools/call", params, { ...options, ...EXTENSIONS });
  return found.resultType === "task" ? new Task(found, options).result() : found;
}

class Task {
  constructor(created, { answer, onTask, signal }) {
    this.state = created;
    this.answer = answer;
    this.onTask = onTask;
    this.signal = signal;
    this.answered = new Set();
    this.asking = null;
  }

  async result() {
    try {
      await this.followed();
    } catch (error) {
      if (!ENDED.includes(this.state.status)) await this.cancelled();
      throw error;
    } finally {
      this.asking?.cancel.abort();
    }
    const { status, result, error, statusMessage } = this.state;
    if (status === "completed") return result;
    if (status === "cancelled") throw new ResponseError(statusMessage || "the task was cancelled", 0);
    throw new ResponseError(error?.message ?? "the task failed", error?.code ?? 0, error?.data);
  }

  async followed() {
    this.onTask?.(this.state);
    while (!ENDED.includes(this.state.status)) {
      this.ask();
      await this.pause();
      await this.refresh();
    }
  }

  send(method, more) {
    return request(method, { taskId: this.state.taskId, ...more }, EXTENSIONS);
  }

  async refresh() {
    this.state = await this.send("tasks/get");
    this.onTask?.(this.state);
  }

  async cancelled() {
    try {
      await this.send("tasks/cancel");
      await this.refresh();
    } catch {
      // The server has removed the task, or does not respond.
    }
  }

  /** Show the requests of the task while it is polled: another client can answer them, or cancel the task. */
  ask() {
    const wanted = Object.entries(this.state.inputRequests || {}).filter(([key]) => !this.answered.has(key));
    if (this.asking) {
      if (!wanted.some(([key]) => this.asking.keys.includes(key))) this.asking.cancel.abort();
      return;
    }
    if (!wanted.length) return;
    if (!this.answer) throw new ResponseError("the task requires input", 0);
    const asking = { keys: wanted.map(([key]) => key), cancel: new AbortController() };
    this.asking = asking;
    asking.done = this.update(Object.fromEntries(wanted), asking.cancel.signal).finally(() => { this.asking = null; });
    asking.done.catch(() => {}); // it is awaited in a pause, unless the task ends before
  }

  async update(wanted, signal) {
    let inputResponses;
    try {
      inputResponses = await this.answer(wanted, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    for (const key of Object.keys(inputResponses)) this.answered.add(key);
    await this.send("tasks/update", { inputResponses });
  }

  /** Wait for the next poll: as long as the server suggests, or until its requests are answered. */
  async pause() {
    const suggested = this.state.pollIntervalMs;
    const interval = Math.min(suggested > 0 ? suggested : INTERVAL, LONGEST_INTERVAL);
    let timer;
    let stop;
    const waited = new Promise((resolve, reject) => {
      timer = setTimeout(resolve, interval);
      stop = () => reject(new DOMException("cancelled", "AbortError"));
      if (this.signal?.aborted) stop();
      this.signal?.addEventListener("abort", stop);
    });
    try {
      await Promise.race(this.asking ? [waited, this.asking.done] : [waited]);
    } finally {
      clearTimeout(timer);
      this.signal?.removeEventListener("abort", stop);
    }
  }
}

/** Return a card with the state of a task, which `show` updates: its id, its status and its messages so far. */
export function taskCard() {
  const status = el("strong", { class: "task-status" });
  const id = el("code");
  const messages = el("ul", { "aria-label": "messages of the task" });
  const element = el("div", { class: "task", role: "group", "aria-label": "Task", hidden: true },
    el("p", { class: "facts" }, "task ", id, ": ", status), messages);
  let last;
  const show = (state) => {
    element.hidden = false;
    // The texts are set only if they change: a screen reader reads each change.
    if (id.textContent !== state.taskId) id.textContent = state.taskId;
    if (status.textContent !== state.status) status.textContent = state.status;
    status.dataset.status = state.status;
    if (!state.statusMessage || state.statusMessage === last) return;
    last = state.statusMessage;
    if (messages.childElementCount >= MOST_MESSAGES) messages.firstElementChild.remove();
    messages.append(el("li", {}, last));
  };
  return { element, show };
}
