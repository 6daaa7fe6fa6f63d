import type { GatewayUse, PortSecurity } from '#model/records.ts';
import type { TunnelMode } from '#model/tunnel-mode.ts';
import type { Death } from './fuse.ts';

/** What happens to a run from outside: what users do, and what goes wrong. */
export type Action = { readonly atMs: number } & (
  | {
      readonly do: 'attach';
      readonly host: number;
      readonly container: number;
      readonly network: number;
      readonly address?: number;
    }
  | {
      readonly do: 'detach';
      readonly host: number;
      readonly container: number;
      readonly network: number;
      readonly by: 'id' | 'name' | 'path';
    }
  | {
      readonly do: 'end container';
      readonly host: number;
      readonly container: number;
      readonly amid: boolean;
    }
  | {
      readonly do: 'create network';
      readonly network: number;
      readonly mode: TunnelMode;
      readonly rival: boolean;
      readonly manner?: Manner;
    }
  | {
      readonly do: 'change network';
      readonly network: number;
      readonly mode?: TunnelMode;
      readonly port?: number;
      readonly mtu?: number;
      readonly portSecurity?: PortSecurity;
      readonly force: boolean;
    }
  | {
      readonly do: 'ask';
      readonly host: number;
      readonly network: number;
      readonly choice: number;
      readonly by: 'ip' | 'mac';
    }
  | { readonly do: 'add peer'; readonly network: number; readonly peer: number; readonly mac: boolean }
  | {
      readonly do: 'start through door';
      readonly host: number;
      readonly network: number;
      readonly address?: number;
      readonly mac?: number;
    }
  /** A container is started again, with the address and the MAC that it has; the controller is away for so long. */
  | { readonly do: 'start again'; readonly host: number; readonly choice: number; readonly forMs: number }
  | { readonly do: 'stop through door'; readonly host: number; readonly choice: number }
  | {
      readonly do: 'publish port';
      readonly choice: number;
      readonly port: number;
      readonly isNarrow: boolean;
      readonly rival: boolean;
    }
  | { readonly do: 'unpublish port'; readonly choice: number }
  | {
      readonly do: 'expose network';
      readonly host: number;
      readonly network: number;
      readonly address?: number;
    }
  | { readonly do: 'hide network'; readonly host: number; readonly network: number }
  | AdoptedAction
  | { readonly do: 'remove peer'; readonly network: number; readonly peer: number }
  | { readonly do: 'remove network'; readonly network: number; readonly rival: boolean }
  | ({ readonly do: 'kill agent'; readonly host: number } & Death)
  | ({ readonly do: 'kill controller' } & Death)
  | { readonly do: 'cut'; readonly host: number; readonly forMs: number }
  | { readonly do: 'stall'; readonly host: number; readonly forMs: number }
  | { readonly do: 'slow'; readonly host: number; readonly forMs: number; readonly byMs: number }
  | { readonly do: 'lose connections'; readonly host: number }
  | { readonly do: 'reboot'; readonly host: number }
  /** The machine's wall clock jumps; without a host, the controller's. */
  | { readonly do: 'set clock'; readonly host?: number; readonly byMs: number }
  | { readonly do: 'move VTEP'; readonly host: number; readonly to: number }
  | { readonly do: 'fill journal'; readonly host: number; readonly forMs: number }
  | { readonly do: 'fill store'; readonly forMs: number }
  | { readonly do: 'compact' }
  /** From a backup of so many commits ago. */
  | { readonly do: 'restore store'; readonly most: number }
  | {
      readonly do: 'refuse ops';
      readonly host: number;
      readonly kind: 'namespace' | 'link' | 'address' | 'fdb' | 'neighbour';
      readonly errno: 'ENOMEM' | 'EBUSY' | 'EINVAL';
      readonly times: number;
    }
  | { readonly do: 'interrupt looks'; readonly host: number; readonly times: number }
  | { readonly do: 'vandalise'; readonly host: number; readonly how: Vandalism; readonly choice: number }
  | { readonly do: 'delete late'; readonly choice: number }
  | { readonly do: 'evict host'; readonly host: number; readonly rival: boolean }
);

/** `network`: a number that no other kind of network has. */
type AdoptedAction =
  | {
      readonly do: 'adopt bridge';
      readonly host: number;
      readonly bridge: string;
      readonly network: number;
      readonly mode: TunnelMode;
    }
  | { readonly do: 'disown bridge'; readonly host: number; readonly bridge: string }
  | { readonly do: 'remake bridge'; readonly host: number; readonly bridge: string }
  | {
      readonly do: 'station comes';
      readonly host: number;
      readonly bridge: string;
      readonly station: number;
    }
  | { readonly do: 'station goes'; readonly station: number };

/** What a network is like besides its tunnel. */
export interface Manner {
  readonly gateway?: GatewayUse;
  readonly internal?: boolean;
  readonly portSecurity?: PortSecurity;
}

export const VANDALISMS = [
  'delete row',
  'replace row',
  'add row',
  'delete link',
  'set link down',
  'delete address',
  'delete namespace',
  'change link',
  'change setting',
  'delete route',
  'delete rule',
  'add rule',
  'flush rules',
  'other firewall',
] as const;
export type Vandalism = (typeof VANDALISMS)[number];

export interface Scenario {
  readonly seed: number;
  readonly hosts: number;
  readonly networks: number;
  readonly containers: number;
  /** When all faults stop. */
  readonly calmAtMs: number;
  readonly actions: readonly Action[];
}
