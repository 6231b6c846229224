import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { openOperatorDoor } from './operator-door.ts';

test('a port that is taken is said in a sentence that names the setting', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void other.close());
  const { port } = other.address() as AddressInfo;
  const opening = openOperatorDoor({
    host: '127.0.0.1',
    port,
    process: { metrics: async () => ({ type: 'text/plain', text: '' }) },
    dependencies: [],
    isDraining: () => false,
  });
  await expect(opening).rejects.toThrow(
    `The address 127.0.0.1:${port} is taken; it is for the operator; give another with SUUUPRA_OPERATOR_PORT or SUUUPRA_MESH_HOST.`,
  );
});
