// The clip of an utterance: its video, its audio, and where it is played.

import { make } from "./dom.js";

// What is played: `player` is the one that Space and the time line move.
export class Clip {
  constructor({ audio, video } = { audio: {}, video: null }) {
    this.players = [];
    this.player = null;
    this.isGone = false;
    this.address = null;
    this.following = new AbortController();
    const parts = [];
    if (video?.source) parts.push(this.#picture(video));
    else if (video?.reason) parts.push(soft(`video: ${video.reason}`));
    if (audio.source) parts.push(this.#sound(audio.source));
    else if (audio.reason) parts.push(soft(`audio: ${audio.reason}`));
    this.player = this.players[0] ?? null;
    this.element = make("div", { class: "media" }, parts);
  }

  #add(player) {
    this.players.push(player);
    // Whatever is played last is what the keys and the time line are about.
    player.addEventListener("play", () => {
      for (const other of this.players) if (other !== player) other.pause();
      this.player = player;
    });
    return player;
  }

  #drop(player, reason) {
    this.players = this.players.filter((other) => other !== player);
    if (this.player === player) this.player = this.players[0] ?? null;
    player.replaceWith(soft(reason));
  }

  #picture(video) {
    const player = make("video", { controls: true, preload: "metadata", src: stretch(video), "data-start": video.start_s ?? 0 });
    player.addEventListener("error", () => this.#drop(player, "This browser cannot play the video."));
    return this.#add(player);
  }

  // Whole, so that one can go to any moment of it, also where a server sends no parts of files.
  #sound(source) {
    const player = make("audio", { controls: true, "data-start": 0, "aria-label": "audio as heads hear it" });
    fetch(source).then(async (response) => {
      if (!response.ok) throw new Error(`status ${response.status}`);
      const content = await response.blob();
      if (this.isGone) return;
      this.address = URL.createObjectURL(content);
      player.src = this.address;
    }).catch((error) => { if (!this.isGone) this.#drop(player, `The audio cannot be loaded (${error.message}).`); });
    return this.#add(player);
  }

  play() {
    if (this.player?.paused) this.player.play().catch(() => {});
    else this.player?.pause();
  }

  seek(seconds) {
    if (this.player) this.player.currentTime = seconds + Number(this.player.dataset.start);
  }

  // Show on a time line where it is.
  follow(line) {
    this.following.abort();
    this.following = new AbortController();
    const { signal } = this.following;
    let frame = 0;
    const draw = () => {
      frame = 0;
      if (signal.aborted || !this.player) return;
      line.show(this.player.currentTime - Number(this.player.dataset.start));
      if (!this.player.paused) frame = requestAnimationFrame(draw);
    };
    const moved = () => { if (!frame) draw(); };
    for (const player of this.players) {
      for (const event of ["play", "seeked", "pause", "timeupdate"]) player.addEventListener(event, moved, { signal });
    }
    moved();
  }

  stop() {
    this.isGone = true;
    this.following.abort();
    for (const player of this.players) player.pause();
    if (this.address) URL.revokeObjectURL(this.address);
  }
}

function stretch({ source, start_s: start, end_s: end }) {
  if (start === null && end === null) return source;
  return `${source}#t=${start ?? 0}${end === null ? "" : `,${end}`}`;
}

function soft(reason) {
  return make("p", { class: "soft" }, reason);
}
