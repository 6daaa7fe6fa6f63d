import { describeEndpoint } from '#intent/find-record.ts';
import { formatMapping, type Mapping } from '#intent/publications.ts';
import type { Notice } from '#model/notice.ts';
import type { Endpoint } from '#model/records.ts';
import type { SnapshotView } from '#model/snapshot.ts';

/**
 * Of a port published at an address that the endpoint's host does not have. No fault: an address may wander between
 * hosts, and its port works from when it is there.
 */
export const missingAddressNotice = (view: SnapshotView, endpoint: Endpoint, mapping: Mapping): Notice => ({
  code: 'published-address-missing',
  title: 'A port published at an address that the host does not have',
  sentence: `${formatMapping(mapping)} is published for ${describeEndpoint(view, endpoint)}, and that host does not have ${mapping.hostAddress}: nobody reaches the endpoint there.`,
  next: `give the host that address; or \`weft unpublish ${endpoint.name} ${formatMapping(mapping)}\` and publish it at another one, or at all: ${formatMapping({ ...mapping, hostAddress: undefined })}`,
});
