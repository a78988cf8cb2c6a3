import { MemoryClaims } from '../../src/blobs/memory-claims.js'
import { claimsContract } from '../contract/claims.contract.js'

claimsContract('MemoryClaims', async () => new MemoryClaims())
