/** Reporters shared by all test commands: what people read, and a file for .ci/run when it asks for one. */
const file = process.env['VITEST_JSON'];

export const reporting =
  file === undefined ? { reporters: ['default'] } : { reporters: ['default', 'json'], outputFile: { json: file } };
