import { type Parsed, parsed, unparsed } from './parsed.ts';

/** Names of networks, endpoints and aliases: Docker's and Compose's own rule. Compared without case. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
/** A DNS label (RFC 1123, 2.1): what a host is called. */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;
/** IFNAMSIZ is 16 with the final NUL (linux/if.h); dev_valid_name() refuses '/', ':' and white space, '.' and '..'. */
const INTERFACE = /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,14}$/;
/** `lo` is there already; sysctl_dev_name_is_allowed() (net/sysctl) refuses the others with EINVAL. */
const RESERVED_INTERFACES = ['lo', 'all', 'default'];

export const parseName = (text: string): Parsed<string> =>
  NAME.test(text)
    ? parsed(text)
    : unparsed(
        text.length > 128 ? 'is longer than 128 characters' : 'is not a valid name',
        'use a letter or digit first, then up to 127 letters, digits, "_", "." or "-"',
      );

export const parseHostName = (text: string): Parsed<string> =>
  LABEL.test(text)
    ? parsed(text.toLowerCase())
    : unparsed('is not a host name', 'use one DNS label: up to 63 letters, digits and inner "-"');

export const parseInterfaceName = (text: string): Parsed<string> => {
  if (text.length > 15)
    return unparsed(`has ${text.length} characters`, 'the kernel takes at most 15 (IFNAMSIZ)');
  if (RESERVED_INTERFACES.includes(text)) return unparsed('is reserved', 'choose another, such as eth0');
  return INTERFACE.test(text)
    ? parsed(text)
    : unparsed('is not an interface name', 'use letters, digits, "_", "." or "-", such as eth0');
};

/** The form under which names are compared. */
export const foldName = (name: string): string => name.toLowerCase();
