/// <reference types="vitest/config" />
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { svelteTesting } from '@testing-library/svelte/vite';
import { defineConfig } from 'vite';

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// `$api` is the app's one door to the back end. Tests and `--mode simulated` put the
// simulated back end behind it; a plain build never sees that file.
export default defineConfig(({ mode }) => {
  const simulated = mode === 'simulated' || mode === 'test';
  return {
    plugins: [svelte(), svelteTesting()],
    resolve: {
      alias: { $api: file(simulated ? './src/testing/simulated/api.ts' : './src/api.ts') },
    },
    build: {
      target: 'es2022',
      // The window's content policy admits fonts and images from files only.
      assetsInlineLimit: 0,
      chunkSizeWarningLimit: 1500,
      outDir: mode === 'simulated' ? 'dist-simulated' : 'dist',
    },
    clearScreen: false,
    server: { port: 5173, strictPort: true },
    test: {
      environment: 'jsdom',
      include: ['src/**/*.test.ts', 'tests/**/*.test.ts'],
      setupFiles: ['./src/testing/setup.ts'],
      // A whole window in a simulated document takes its time on a busy machine.
      testTimeout: 30_000,
    },
  };
});
