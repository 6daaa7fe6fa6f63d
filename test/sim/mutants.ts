/** One deliberate fault in the shipped code: that text, found exactly once in that file, becomes the other. */
export interface Mutant {
  readonly name: string;
  /** Below src/. */
  readonly file: string;
  readonly find: string;
  readonly become: string;
  /** The first seed that is tried: what it takes comes together rarely. 1 without. */
  readonly from?: number;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'the store forgets to compare revisions',
    file: 'store/memory-store.ts',
    find: "if (expected !== this.head) return { outcome: 'conflict', head: this.head };",
    become: '',
  },
  {
    name: 'a neighbour is forgotten',
    file: 'plan/tunnel-proxy.ts',
    find: "if (ipv6 || row.ipForm !== IPV6) neighbour.addDraft(device, 'permanent', row);",
    become: 'row.ipForm;',
  },
  {
    name: 'a row that leads elsewhere passes for right on resync',
    file: 'plan/diff.ts',
    find: 'for (const change of changes) ops.push(change);',
    become: '',
  },
  {
    name: 'a host sends to its own VTEP too',
    file: 'plan/tunnel-flood.ts',
    find: 'if (dst !== own)',
    become: 'if (dst)',
  },
  {
    name: 'rows that are too many stay',
    file: 'plan/fdb.ts',
    find: 'isDrift: (seen, sight) => !isKernels(seen, sight) && fdbRules.isOurs(seen, sight)',
    become: 'isDrift: () => false',
  },
  {
    name: 'an address is given again while it is being promised',
    file: 'agent/attach.ts',
    find: '  addToView(state, endpoint);',
    become: '',
  },
  {
    name: 'an address in the block of another is granted without asking its host',
    file: 'intent/exceptions.ts',
    find: 'return taken.length > 0 ?',
    become: 'return false ?',
  },
  {
    name: 'a delete of an older generation beats the newer add',
    file: 'intent/detach-endpoint.ts',
    find: 'return endpoint.generation > meant.generation',
    become: 'return false',
  },
  {
    name: 'a generation does not rise when an endpoint is made anew',
    file: 'agent/attach.ts',
    find: 'generation: generation + 1',
    become: 'generation',
  },
  {
    name: 'asked for once more in vain, what stood is taken away',
    file: 'agent/settle-attach.ts',
    find: '!endpoint || stood || ask.exposure',
    become: '!endpoint || ask.exposure',
  },
  {
    name: 'a container made anew under its name passes for the old one',
    file: 'agent/attach.ts',
    find: 'old.namespace?.cookie === namespace.cookie',
    become: 'old.namespace?.path === namespace.path',
  },
  {
    name: 'generations do not count when an endpoint is published',
    file: 'intent/publish-endpoint.ts',
    find: 'if (known && known.generation >= endpoint.generation)',
    become: 'if (known)',
  },
  {
    name: 'a block that was given up does not rest',
    file: 'controller/free-blocks.ts',
    find: 'block.retired > 0 && hasRested(block, state)',
    become: 'block.retired > 0',
  },
  {
    name: 'an evicted host gives on from its blocks',
    file: 'intent/own-blocks.ts',
    find: 'block.host === id && block.epoch === epoch && isInUse(block)',
    become: 'block.host === id',
  },
  {
    name: 'a promise is made before the journal has it',
    file: 'agent/attach.ts',
    find: 'return [...useHolds(state, endpoint), write];',
    become: 'return [...useHolds(state, endpoint), ...noteJournaled(state, endpoint.id)];',
  },
  {
    name: 'an attach is answered while the disk flushes its promise',
    file: 'agent/shortcut.ts',
    find: 'if (!attaching.isFlushing) return answerPlugged(state, request);',
    become: 'return answerPlugged(state, request);',
  },
  {
    name: 'a detach is not written down',
    file: 'agent/detach.ts',
    find: 'return [...keepJournal(state, id), ...tell, ...markDirty(state)];',
    become: 'return [...tell, ...markDirty(state)];',
  },
  {
    name: 'a detach that nobody heard is not told again',
    file: 'agent/detach.ts',
    find: 'return untold.flatMap((endpoint) => askToDetach(state, endpoint));',
    become: 'return [];',
  },
  {
    name: 'an old view deletes what it does not know',
    file: 'agent/plan-ops.ts',
    find: 'state.confirmed ? due : withoutDoubtfulDeletes(state, due)',
    become: 'due',
  },
  {
    name: 'a snapshot is taken for a delta',
    file: 'agent/session.ts',
    find: '  state.view.clear();',
    become: '',
  },
  {
    name: 'who joins a network does not hear of its hosts',
    file: 'controller/follow.ts',
    find: '...[...hosts].filter((id) => !oldHosts.has(id)).flatMap((id) => putIfThere(snapshot.hosts.get(id))),',
    become: '',
  },
  {
    name: 'a host that is silent for long is not called again',
    file: 'agent/session.ts',
    find: "return [{ effect: 'connect', afterMs }];",
    become: 'return [];',
  },
  {
    name: 'a reboot is not noticed',
    file: 'agent/state.ts',
    find: "attachment.state === 'attached' && attachment.bootId === state.bootId",
    become: "attachment.state === 'attached'",
  },
  {
    name: 'a path used again is taken for what was there',
    file: 'agent/scope.ts',
    find: 'return present.has(key) && (looked.has(key) ? state.turn.live.has(key) : !state.turn.dead.has(key));',
    become: 'return key.length > 0;',
  },
  {
    name: 'what was granted to nobody stays',
    file: 'agent/orphans.ts',
    find: 'return orphans.flatMap((endpoint) => release(state, endpoint));',
    become: 'return [];',
  },
  {
    name: 'a change goes on before every host has taken the phase',
    file: 'controller/drive-changes.ts',
    find: 'if (waitedMs < STUCK_LIMIT_MS)',
    become: 'if (waitedMs < 0)',
  },
  {
    name: 'a phase that is over is ended once more',
    file: 'intent/advance-change.ts',
    find: 'if (!network || change?.since !== since) return admitted([]);',
    become: 'if (!network || !change) return admitted([]);',
  },
  {
    name: 'two networks get one VNI',
    file: 'intent/allocate-vni.ts',
    find: 'while (taken.has(vni)) vni++;',
    become: '',
  },
  {
    name: 'a row that is gone passes for standing',
    file: 'agent/standing-rows.ts',
    find: 'if (standing.size === 0) return;',
    become: 'return;',
  },
  {
    name: 'a host answers for its own containers',
    file: 'plan/asked-rows.ts',
    find: 'endpoint.host !== here.host.id &&',
    become: '',
  },
  {
    name: 'an address that is set aside is given to somebody else',
    file: 'agent/held.ts',
    find: 'holds.size > 0 && isSetAside(state, network, ip)',
    become: 'false',
  },
  {
    name: 'what an engine tells counts as published',
    file: 'agent/retell.ts',
    find: 'published: old.published && !isNews',
    become: 'published: old.published',
  },
  {
    name: 'an interface that an engine moves is not looked for after a restart',
    file: 'agent/state.ts',
    find: '!namespace && sandboxPath ?',
    become: 'false ?',
  },
  {
    name: 'an agent that knows less than the resolver tells it all that it knows',
    file: 'agent/names.ts',
    find: 'if (confirmed || view.revision >= revision)',
    become: 'if (true)',
    from: 1001,
  },
  {
    name: 'the resolver is not told what the controller says',
    file: 'model/snapshot.ts',
    find: 'this.touch(change.verb',
    become: 'if (Date.now() < 0) this.touch(change.verb',
  },
  {
    name: 'the resolver is told no more of containers that come',
    file: 'agent/names.ts',
    find: 'return before !== attachments.changes;',
    become: 'return before < 0;',
  },
  {
    name: 'names count as all that there are with the controller away',
    file: 'agent/names.ts',
    find: 'const isCurrent = session.connected && confirmed;',
    become: 'const isCurrent = confirmed;',
  },
  {
    name: 'rules that somebody flushed are not written again',
    file: 'plan/diff.ts',
    find: "      ops.push({ verb: 'add', object });",
    become: "      if (kind !== 'chain' || observed.chain.size === 0) ops.push({ verb: 'add', object });",
  },
  {
    name: 'who was let through stays let through',
    file: 'plan/element.ts',
    find: 'set.countsUpTo === undefined ||',
    become: '',
  },
  {
    name: 'a device is there before its rules',
    file: 'plan/chain.ts',
    find: "'stale chain' : 'chain'",
    become: "'stale chain' : 'route'",
  },
  {
    name: 'a setting that somebody changed stays changed',
    file: 'plan/setting.ts',
    find: 'wanted.value === seen.value',
    become: 'wanted.value.length === seen.value.length',
  },
  {
    name: 'a publication stays when its endpoint goes',
    file: 'intent/detach-endpoint.ts',
    find: '...publicationsOf(snapshot, endpoint).map(remove),',
    become: '',
  },
  {
    name: 'two endpoints get one port of their host',
    file: 'intent/publish-port.ts',
    find: '    checkFree(faults, snapshot, endpoint, mapping);',
    become: '',
  },
  {
    name: 'a port that is published at one address is taken for another',
    file: 'intent/publish-port.ts',
    find: 'taken.add(each.relayPort)',
    become: 'taken.add(each.hostPort)',
  },
  {
    name: 'who follows does not hear of publications that were there before',
    file: 'controller/follow.ts',
    find: 'adoptions, peers, exposures, publications].flatMap',
    become: 'adoptions, peers, exposures].flatMap',
  },
  {
    name: 'the tunnel of a bridge that is let go stays in it',
    file: 'plan/link.ts',
    find: 'return ns === HOST_NAMESPACE && isOwnHostLink({ name, group });',
    become: "return ns === HOST_NAMESPACE && isOwnHostLink({ name, group }) && !name.startsWith('wfx');",
  },
  {
    name: 'a bridge takes another MAC with its tunnel',
    file: 'plan/adopted.ts',
    find: 'mac: facts.mac === ZERO_MAC ? undefined : facts.mac,',
    become: '',
  },
  {
    name: 'who is gone from a bridge is told of for ever',
    file: 'agent/stations.ts',
    find: 'known.delete(mac);',
    become: '{}',
  },
  {
    name: 'what others drop of what a host forwards is not seen',
    file: 'agent/plan-ops.ts',
    find: 'drops: observed.drops,',
    become: '',
  },
  {
    name: 'which addresses of its block a host must not give is lost on the wire',
    file: 'api/wire-records.ts',
    find: 'except: z.array(ip),',
    become: 'except: z.array(ip).transform(() => []),',
  },
  {
    name: 'a store that was restored from a backup is known by its revision alone',
    file: 'agent/session.ts',
    find: 'since <= shared) continue',
    become: 'since <= view.revision) continue',
    from: 36_801,
  },
];
