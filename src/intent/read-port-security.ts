import { DEFAULT_PORT_SECURITY, PORT_SECURITIES, type PortSecurity } from '#model/records.ts';
import type { Faults } from './faults.ts';
import { readChoice } from './read-field.ts';

export const readPortSecurity = (
  faults: Faults,
  value: string = DEFAULT_PORT_SECURITY,
): PortSecurity | undefined => readChoice(faults, 'port-security', value, PORT_SECURITIES);
