// Where something new is to be.
import { useResource } from '../resource.ts';
import { chosenVHost } from '../vhost.ts';
import { Field } from './form.tsx';

export function VHostField({ name = 'vhost' }: { readonly name?: string }) {
  const { data } = useResource<readonly { readonly name: string }[]>('vhosts?columns=name', 0);
  if (!data) return null;
  const names = data.map((one) => one.name);
  return (
    <Field
      label="Virtual host"
      name={name}
      options={names}
      value={chosenVHost.value || (names.includes('/') ? '/' : names[0])}
    />
  );
}
