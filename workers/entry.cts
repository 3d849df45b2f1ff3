/**
 * What piscina loads, by name of the worker. It would `require` an ECMAScript module; Node 20 dies with a fatal error
 * when a thread is terminated while it links a module that is required (module_wrap.cc, InstantiateSync), which a
 * campaign that is refused at its start does. One that is imported may be terminated at any time.
 */
type ShardWorker = typeof import('./shard-worker.ts', { with: { 'resolution-mode': 'import' }});
type ProveWorker = typeof import('./prove-worker.ts', { with: { 'resolution-mode': 'import' }});

module.exports = {
  shard: async (request: Parameters<ShardWorker['default']>[0]) => (await import('./shard-worker.ts')).default(request),
  prove: async (request: Parameters<ProveWorker['default']>[0]) => (await import('./prove-worker.ts')).default(request),
};
