/** The stream, with a usual size where the terminal does not tell its own: nothing would be drawn. */
export function sized(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  if (stream.columns > 0 && stream.rows > 0) {
    return stream;
  }
  return Object.create(stream, {
    columns: { value: 80 },
    rows: { value: 24 },
    write: { value: stream.write.bind(stream) },
  }) as NodeJS.WriteStream;
}
