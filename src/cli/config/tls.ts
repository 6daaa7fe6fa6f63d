import { type Fault, fault } from '#model/fault.ts';
import { readableFile } from './fields.ts';

export const TLS_FIELDS = {
  'tls-cert': readableFile.optional(),
  'tls-key': readableFile.optional(),
  'tls-ca': readableFile.optional(),
};

export interface TlsPaths {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

type TlsSettings = { readonly [key in keyof typeof TLS_FIELDS]?: string };

/** All three or none; an https:// address needs them. */
export function takeTls(
  faults: Fault[],
  settings: TlsSettings,
  addresses: readonly string[],
): TlsPaths | undefined {
  const { 'tls-cert': cert, 'tls-key': key, 'tls-ca': ca } = settings;
  if (cert && key && ca) return { cert, key, ca };
  const secure = addresses.find((address) => address.startsWith('https:'));
  const given = cert ?? key ?? ca;
  if (secure === undefined && given === undefined) return undefined;
  const missing = (['tls-cert', 'tls-key', 'tls-ca'] as const).filter((name) => !settings[name]);
  for (const name of missing)
    faults.push(
      fault(
        name,
        '',
        `is missing${secure ? ` for ${secure}` : ''}`,
        'give all three: --tls-cert, --tls-key, --tls-ca',
      ),
    );
  return undefined;
}
