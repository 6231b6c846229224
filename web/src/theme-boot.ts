// Runs before the first paint, as a classic script of its own: no inline script, no flash of the wrong theme.
{
  let chosen: string | null = null;
  try {
    chosen = localStorage.getItem('suuupra.theme');
  } catch {
    // Storage is off: follow the system.
  }
  const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  document.documentElement.dataset.theme = chosen === 'dark' || chosen === 'light' ? chosen : system;
}
