import { Code, ConnectError } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { fault, reject } from '#model/fault.ts';
import { rejectionFromError, rejectionToError } from './rejection.ts';
import { refuseVersion } from './version.ts';

test('a rejection keeps its reason and every fault', () => {
  const rejection = reject(
    'conflict',
    fault('vni', 7, 'is taken', 'choose another'),
    fault('name', 'x', 'is taken', 'no'),
  );
  const error = rejectionToError(rejection);
  expect(error.code).toBe(Code.AlreadyExists);
  expect(rejectionFromError(error)).toEqual(rejection);
});

test('any other error is none', () => {
  expect(rejectionFromError(new ConnectError('x', Code.NotFound))).toBeUndefined();
  expect(rejectionFromError(new Error('x'))).toBeUndefined();
});

test('only versions that work together are taken', () => {
  expect(refuseVersion(null)).toBeUndefined();
  expect(refuseVersion('1')).toBeUndefined();
  expect(refuseVersion('2')).toMatch(/upgrade this side/);
  expect(refuseVersion('0')).toMatch(/upgrade the caller/);
  expect(refuseVersion('1e0')).toMatch(/speaks API version/);
});
