import { useEffect, useState } from 'preact/hooks';

interface CopyButtonProps {
  readonly label: string;
  /** What is copied, worked out when it is wanted. */
  readonly text: () => string | Promise<string>;
}

export function CopyButton({ label, text }: CopyButtonProps) {
  const [said, setSaid] = useState('');
  useEffect(() => {
    if (said === '') return;
    const timer = setTimeout(() => setSaid(''), 2000);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(await text());
      setSaid('copied');
    } catch {
      // Browsers refuse on pages that are neither local nor encrypted.
      setSaid('the browser refuses; select and copy it');
    }
  };
  return (
    <>
      <button type="button" onClick={copy}>
        {label}
      </button>
      <span role="status" class="soft">
        {said}
      </span>
    </>
  );
}
