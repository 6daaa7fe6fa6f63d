/** A process is to be killed before or after one of its effects: of all, or of one kind, so many are let pass. */
export interface Death {
  readonly effects: number;
  readonly at?: string;
  readonly where: 'before' | 'after';
}

export class Fuse {
  #death: Death | undefined;

  light(death: Death): void {
    this.#death = death;
  }

  putOut(): void {
    this.#death = undefined;
  }

  /** To be asked at each effect: where to be killed, if here. */
  burn(effect: string): Death['where'] | undefined {
    const death = this.#death;
    if (!death || (death.at ?? effect) !== effect) return undefined;
    this.#death = death.effects > 0 ? { ...death, effects: death.effects - 1 } : undefined;
    return this.#death ? undefined : death.where;
  }
}
