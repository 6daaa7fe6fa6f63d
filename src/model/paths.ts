/** Where Weft keeps things; `root` prefixes them all, so that several hosts fit on one machine. */
export interface Paths {
  /** YAML, checked; unknown keys are errors. */
  readonly config: string;
  /** Durable state. */
  readonly state: string;
  /** Local socket, mode 0600. */
  readonly socket: string;
  /** The resolver's, which only the agent speaks with. */
  readonly names: string;
}

const paths =
  (role: 'controller' | 'agent') =>
  (root: string): Paths => {
    const prefix = root.replace(/\/+$/, '');
    return {
      config: `${prefix}/etc/weft/${role}.yaml`,
      state: `${prefix}/var/lib/weft/${role}`,
      socket: `${prefix}/run/weft/${role}.sock`,
      names: `${prefix}/run/weft/names.sock`,
    };
  };

export const controllerPaths = paths('controller');
export const agentPaths = paths('agent');

/** Where dockerd looks for a driver `weft` (moby/pkg/plugins/discovery.go). */
export const PLUGIN_SOCKET = '/run/docker/plugins/weft.sock';
