import { InlinePool } from '../../src/pool/inline-pool.js'
import { poolContract } from '../contract/pool.contract.js'
import { tempDir } from '../support/temp-dir.js'
import { WORKER_SETTINGS } from '../support/worker-settings.js'

poolContract('InlinePool', await tempDir(), () => new InlinePool(WORKER_SETTINGS))
