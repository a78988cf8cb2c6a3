import { MemoryUses } from '../../src/inventory/memory-uses.js'
import { usesContract } from '../contract/uses.contract.js'

usesContract('MemoryUses', async (now) => new MemoryUses(now))
