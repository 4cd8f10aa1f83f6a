// Who is it?
import { logIn } from '../api.ts';
import { Field, Form } from '../parts/form.tsx';
import { Card } from '../parts/page.tsx';

export function LoginPage() {
  return (
    <main class="login">
      <Card>
        <div class="brand">
          <img src="/hare.svg" alt="" width="36" height="36" />
          <h1>Leveret</h1>
        </div>
        <p class="quiet">Log in to see your messages move.</p>
        <br />
        <Form
          action="Log in"
          keep
          onSubmit={(form) => logIn(form.text('name'), form.text('password'))}
        >
          <Field label="Name" name="name" required wide autocomplete="username" />
          <Field
            label="Password"
            name="password"
            type="password"
            wide
            autocomplete="current-password"
            hint="A fresh broker has the user guest with the password guest, for its own machine only."
          />
        </Form>
      </Card>
    </main>
  );
}
