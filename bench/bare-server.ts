/**
 * The limit that the other figures are compared with: node:http that answers every request with the same bytes and does
 * nothing else. Reads the body from standard input and prints the port.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

const body = await buffer(process.stdin);
const headers = { 'content-type': 'application/json', 'content-length': String(body.byteLength) };
const server = createServer((request, response) => {
  request.resume();
  response.writeHead(200, headers);
  response.end(body);
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
