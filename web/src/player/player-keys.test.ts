import { describe, expect, test } from 'vitest';
import { commandFor, nextSpeed, type PressedKey } from './player-keys.ts';

const press = (key: string, more: Partial<PressedKey> = {}) =>
  commandFor({ key, ctrlKey: false, metaKey: false, altKey: false, on: 'other', ...more });

describe('player keys', () => {
  test.each([
    ['k', { kind: 'toggle' }],
    ['K', { kind: 'toggle' }],
    [' ', { kind: 'toggle' }],
    ['j', { kind: 'seek', bySeconds: -10 }],
    ['l', { kind: 'seek', bySeconds: 10 }],
    ['ArrowLeft', { kind: 'seek', bySeconds: -5 }],
    ['ArrowUp', { kind: 'volume', by: 0.1 }],
    ['m', { kind: 'mute' }],
    ['f', { kind: 'fullscreen' }],
    ['c', { kind: 'captions' }],
    ['5', { kind: 'jump', toFraction: 0.5 }],
  ])('%j does %j', (key, command) => expect(press(key)).toEqual(command));

  test('leave shortcuts of the browser, typing and the controls their own keys', () => {
    expect(press('k', { ctrlKey: true })).toBeUndefined();
    expect(press('l', { metaKey: true })).toBeUndefined();
    expect(press('k', { on: 'field' })).toBeUndefined();
    expect(press(' ', { on: 'button' })).toBeUndefined();
    expect(press('k', { on: 'button' })).toEqual({ kind: 'toggle' });
    expect(press('ArrowLeft', { on: 'slider' })).toBeUndefined();
    expect(press('x')).toBeUndefined();
  });

  test('speed goes in steps and stays at its ends', () => {
    expect(nextSpeed(1, 1)).toBe(1.25);
    expect(nextSpeed(2, 1)).toBe(2);
    expect(nextSpeed(0.5, -1)).toBe(0.5);
    expect(nextSpeed(1.1, 1)).toBe(1.25);
  });
});
