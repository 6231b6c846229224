/**
 * Our certificates as gRPC takes them on the calling side. grpc-js makes the TLS context of each new connection from what a
 * certificate provider last said, which is how a new certificate comes into use without a new channel. The interface is
 * marked experimental; it is used here and nowhere else.
 */
import { type ChannelCredentials, experimental } from '@grpc/grpc-js';
import type { Certificates } from '../certificates/certificates.ts';
import { demandService } from '../certificates/connect.ts';

export function credentialsFor(service: string, certificates: Certificates): ChannelCredentials {
  const provider = providerOf(certificates);
  return experimental.createCertificateProviderChannelCredentials(provider, provider, {
    checkServerIdentity: demandService(service),
  });
}

function providerOf(certificates: Certificates): experimental.CertificateProvider {
  const stops = new Map<unknown, () => void>();
  const stop = (listener: unknown) => {
    stops.get(listener)?.();
    stops.delete(listener);
  };
  const start = (listener: unknown, tell: () => void) => {
    stops.set(listener, certificates.onChange(tell));
    // A listener expects to be told after it was added, not while.
    process.nextTick(tell);
  };
  return {
    addCaCertificateListener: (listener) =>
      start(listener, () => listener({ caCertificate: certificates.current().authorities })),
    removeCaCertificateListener: stop,
    addIdentityCertificateListener: (listener) =>
      start(listener, () => {
        const { certificate, key } = certificates.current();
        listener({ certificate, privateKey: key });
      }),
    removeIdentityCertificateListener: stop,
  };
}
