import './styles/fonts.css';
import './styles/tokens.css';
import './styles/base.css';
import './styles/ui.css';
import './styles/layout.css';
import './styles/pages.css';
import './styles/lesson.css';
import './styles/operations.css';
import { hydrate } from '@tanstack/react-query';
import { createRoot, hydrateRoot } from 'react-dom/client';
import { meQuery } from './api/session.ts';
import { App, createQueryClient } from './app.tsx';
import { type EmbeddedState, stateElementId } from './embedded-state.ts';
import { applyTheme, chosenTheme } from './lib/theme.ts';
import { createAppRouter } from './routes.tsx';

function readState(): EmbeddedState {
  const text = document.getElementById(stateElementId)?.textContent;
  return text ? (JSON.parse(text) as EmbeddedState) : { signedIn: true };
}

async function begin(): Promise<void> {
  const root = document.getElementById('root');
  if (!root) throw new Error('The document has no element #root.');
  const state = readState();
  const queryClient = createQueryClient();
  if (state.queries) hydrate(queryClient, state.queries);
  if (!state.signedIn) queryClient.setQueryData(meQuery.queryKey, null);
  const router = createAppRouter(queryClient);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => applyTheme(chosenTheme()));
  const app = <App queryClient={queryClient} router={router} />;
  if (!root.hasChildNodes()) {
    createRoot(root).render(app);
    return;
  }
  router.ssr = { manifest: undefined };
  await router.load();
  hydrateRoot(root, app);
}

void begin();
