/** What the server's document carries for the browser: who may be here, and the data the page was rendered with. */
import type { DehydratedState } from '@tanstack/react-query';

export interface EmbeddedState {
  /** Whether the request came with a living session. */
  readonly signedIn: boolean;
  readonly queries?: DehydratedState;
}

export const stateElementId = 'suuupra-state';

/** A piece of data and the query it answers. */
export interface Seed {
  readonly queryKey: readonly unknown[];
  readonly data: unknown;
}

export interface RenderedPage {
  readonly html: string;
  readonly state: EmbeddedState;
}
