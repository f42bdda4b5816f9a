import { runBridge } from '../lib/bridge.mjs'
import { loadEnvironment, main } from '../lib/environment.mjs'

await main(() => runBridge(loadEnvironment()))
