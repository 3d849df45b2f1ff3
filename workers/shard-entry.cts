/**
 * What piscina loads. It would `require` the worker itself, an ECMAScript module; Node 20 dies with a fatal error when
 * a thread is terminated while it links a module that is required (module_wrap.cc, InstantiateSync), which a campaign
 * that is refused at its start does. One that is imported may be terminated at any time.
 */
const worker = import('./shard-worker.ts');

module.exports = async (request: Parameters<Awaited<typeof worker>['default']>[0]) => (await worker).default(request);
