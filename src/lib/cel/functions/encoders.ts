/** Base64. */
import { fromBase64, toBase64 } from '../../encoding/base64.ts'
import { declare, plain, type Library } from '../declarations.ts'
import { bytesType, stringType } from '../types.ts'
import { EvaluationError } from '../values.ts'

export const encodersLibrary: Library = {
  name: 'encoders',
  functions: [
    declare(
      'base64.decode',
      plain('base64_decode_string', [stringType], bytesType, (text: string) => {
        try {
          return fromBase64(text.padEnd(Math.ceil(text.length / 4) * 4, '='))
        } catch {
          throw new EvaluationError('illegal base64 data')
        }
      }),
    ),
    declare('base64.encode', plain('base64_encode_bytes', [bytesType], stringType, toBase64)),
  ],
}
