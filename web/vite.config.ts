import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// One stylesheet for the whole app: it is small, and a page never paints before its styles are there.
export default defineConfig(({ isSsrBuild }) => ({
  root: import.meta.dirname,
  plugins: [react()],
  publicDir: isSsrBuild ? false : 'public',
  ssr: { noExternal: true },
  build: {
    outDir: isSsrBuild ? 'dist/server' : 'dist/client',
    emptyOutDir: true,
    target: 'es2022',
    manifest: !isSsrBuild,
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    ...(isSsrBuild
      ? { ssr: 'src/entry-server.tsx' }
      : { rolldownOptions: { input: ['src/main.tsx', 'src/theme-boot.ts'] } }),
  },
}));
