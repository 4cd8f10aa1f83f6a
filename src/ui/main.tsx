// Starts the page.
import { render } from 'preact';
import { App } from './app.tsx';
import { applyTheme } from './theme.ts';
import './styles/base.css';
import './styles/layout.css';
import './styles/parts.css';
import './styles/pages.css';

applyTheme();
render(<App />, document.getElementById('page')!);
