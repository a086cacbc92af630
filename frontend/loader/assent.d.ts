// What `embed.js` puts on a page, for TypeScript. Served at `/v1/assent.d.ts`; copy it into a project, or name its address
// in a `/// <reference>` comment. Says nothing about how it works (README.md).

/** What can be said about a purpose. */
export type Choice = 'yes' | 'no';

/** What holds on this page now. */
export interface State {
  /** Whether nothing is left to ask. */
  decided: boolean;
  /** Whether each purpose may be acted on. */
  allowed: Record<string, boolean>;
  /** What was said and still holds; purposes that nothing was said about are missing. */
  choices: Record<string, Choice>;
  /** SHA-256 of the notice on this page, in hex. */
  notice: string;
  /** Its language (BCP 47). */
  language: string;
  /** What the browser says by itself: Global Privacy Control, and Do Not Track where the site honours it. */
  signals: { gpc: boolean; dnt: boolean };
}

/** What happens, and what listeners are told. Each is also a DOM event on `document`: `assent:` and its name. */
export interface Events {
  /** `window.assent` is there (as a DOM event only: by then it is too late to ask it for this one). */
  ready: State;
  /** What is allowed was worked out anew. */
  change: State;
  /** A decision was acknowledged: the receipt file's text. */
  recorded: string;
}

/** The site's own door to the choices. */
export interface Assent {
  /** Opens the single choices. */
  open(): void;
  /** What holds now. */
  state(): State;
  /**
   * Yes to everything that is asked. Only from a person's press: otherwise it fails, and nothing is said.
   * Ends with the receipt file's text once the decision is recorded; it holds from the call on. Where the site asks how old
   * people are, a yes (here and in `set`) leads to the choices page instead, which asks, and this does not end.
   */
  acceptAll(): Promise<string>;
  /** No to everything that is asked. Needs no press. */
  rejectAll(): Promise<string>;
  /** Says something about some purposes; the others stay as they are. A yes needs a press. */
  set(choices: Record<string, Choice | boolean>): Promise<string>;
  /** No to these purposes, or to all. Needs no press. */
  withdraw(...purposes: string[]): Promise<string>;
  /** The newest receipt file's text; nothing when nothing was decided. */
  receipt(): Promise<string | undefined>;
  /** Listens, and gives what ends the listening. */
  on<Name extends keyof Events>(what: Name, listener: (detail: Events[Name]) => void): () => void;
}

declare global {
  interface Window {
    /** There once `embed.js` ran: on `assent:ready`. Missing where it cannot be loaded; then nothing is allowed. */
    assent?: Assent;
  }
  interface DocumentEventMap {
    'assent:ready': CustomEvent<State>;
    'assent:change': CustomEvent<State>;
    'assent:recorded': CustomEvent<string>;
  }
}
