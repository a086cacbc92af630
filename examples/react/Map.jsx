// A map that somebody else serves, in a React component: drawn when people agreed to it, and asked for in its place when not.

import { useAllowed } from './assent.js';

export const Map = () =>
  useAllowed('maps') ? (
    <iframe src="https://maps.example/embed/clinic" title="Where we are" width="640" height="360" />
  ) : (
    <p>
      The map comes from Maps Example Ltd and is off until you agree to it.{' '}
      {/* A yes needs a person's press, and this is one. */}
      <button type="button" onClick={() => window.assent?.set({ maps: true })}>
        Show the map
      </button>{' '}
      <a data-assent="open" href="https://privacy.example.org/v1/example/choices">
        Your privacy choices
      </a>
    </p>
  );
