import { useState } from 'preact/hooks';

interface FileDropProps {
  readonly onFile: (bytes: Uint8Array, name: string) => void;
}

/** Takes one file, chosen or dropped. It stays in the browser. */
export function FileDrop({ onFile }: FileDropProps) {
  const [over, setOver] = useState(false);
  const take = async (file: File | undefined): Promise<void> => {
    if (file) onFile(new Uint8Array(await file.arrayBuffer()), file.name);
  };
  return (
    <label
      class={over ? 'drop over' : 'drop'}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void take(event.dataTransfer?.files[0]);
      }}
    >
      Load a filter or scenario (JSON, or a binary filter), or drop one here
      <input
        type="file"
        onChange={({ currentTarget }) => {
          void take(currentTarget.files?.[0]);
          currentTarget.value = '';
        }}
      />
    </label>
  );
}
