// Writing a letter by hand, and binding by hand: what the pages of queues and exchanges share.
import { change, path } from '../api.ts';
import { exchangeInPath } from '../format.ts';
import { Arguments, argumentsIn, Check, Field, Form } from './form.tsx';
import { tell } from './notice.tsx';
import { Fold } from './page.tsx';

interface PublishProps {
  readonly vhost: string;
  readonly exchange: string;
  /** Fixed, where a queue is meant. */
  readonly routingKey?: string;
}

const PROPERTIES = [
  ['content_type', 'content_type = application/json'],
  ['message_id', 'message_id = 1'],
  ['correlation_id', 'correlation_id = 1'],
  ['reply_to', 'reply_to = '],
  ['expiration', 'expiration = "60000"'],
  ['priority', 'priority = 5'],
  ['type', 'type = '],
] as const;

export function Publish({ vhost, exchange, routingKey }: PublishProps) {
  return (
    <Fold title="Publish a message">
      <Form
        action="Publish"
        keep
        onSubmit={async (form) => {
          const headers = argumentsIn(form.text('headers'));
          const isPersistent = form.isChecked('persistent');
          const properties = {
            delivery_mode: isPersistent ? 2 : 1,
            ...argumentsIn(form.text('properties')),
            ...(Object.keys(headers).length > 0 ? { headers } : {}),
          };
          const { routed } = await change<{ readonly routed: boolean }>(
            'POST',
            path`exchanges/${vhost}/${exchangeInPath(exchange)}/publish`,
            {
              routing_key: routingKey ?? form.text('key'),
              properties,
              payload: form.text('payload'),
              payload_encoding: form.isChecked('base64') ? 'base64' : 'string',
            },
          );
          if (!routed) throw new Error('Published, but no queue is bound for it: it was dropped');
          tell('Published');
        }}
      >
        {routingKey === undefined && <Field label="Routing key" name="key" wide />}
        <Field label="Payload" name="payload" rows={5} />
        <Arguments label="Headers" name="headers" known={[['x-delay', 'x-delay = 60000']]} />
        <Arguments label="Properties" name="properties" known={PROPERTIES} />
        <div class="checks">
          <Check label="Persistent" name="persistent" checked />
          <Check label="Payload is base64" name="base64" />
        </div>
      </Form>
    </Fold>
  );
}

interface BindProps {
  readonly vhost: string;
  /** One end; the other is asked for. */
  readonly source?: string;
  readonly queue?: string;
}

export function Bind({ vhost, source, queue }: BindProps) {
  return (
    <Fold title="Add a binding">
      <Form
        action="Bind"
        done="Bound"
        onSubmit={(form) => {
          const from = source ?? form.text('source');
          const kind = queue === undefined ? form.text('kind') : 'q';
          const to = queue ?? form.text('destination');
          return change('POST', path`bindings/${vhost}/e/${exchangeInPath(from)}/${kind}/${to}`, {
            routing_key: form.text('key'),
            arguments: argumentsIn(form.text('arguments')),
          });
        }}
      >
        {source === undefined && <Field label="From exchange" name="source" required />}
        {queue === undefined && (
          <>
            <Field
              label="To"
              name="kind"
              options={[
                ['q', 'Queue'],
                ['e', 'Exchange'],
              ]}
            />
            <Field label="Name" name="destination" required />
          </>
        )}
        <Field label="Routing key" name="key" />
        <Arguments known={[['x-match', 'x-match = all']]} />
      </Form>
    </Fold>
  );
}
