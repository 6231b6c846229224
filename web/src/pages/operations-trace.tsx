import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { traceQuery } from '../api/operations.ts';
import type { TraceSpan } from '../api/types.ts';
import { Badge, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { QueryView } from '../ui/states.tsx';
import { Facts, Part } from './finance-desk.tsx';
import { milliseconds, OperationsRoom, Silent } from './operations-room.tsx';

export function OperationsTracePage() {
  const { traceId } = useParams({ from: '/operations/traces/$traceId' });
  return (
    <OperationsRoom
      title="One trace"
      crumbs={[{ label: 'Traces', link: { to: '/operations/traces' } }, { label: traceId.slice(0, 8) }]}
    >
      <Trace traceId={traceId} />
    </OperationsRoom>
  );
}

function Trace({ traceId }: { traceId: string }) {
  const query = useQuery(traceQuery(traceId));
  return (
    <QueryView query={query}>
      {({ spans, silent, leftOut }) => (
        <>
          <Silent names={silent} />
          <Facts
            items={[
              ['Trace', <code key="id">{traceId}</code>],
              ['Began', <Time key="at" at={spans[0]?.startedAt} />],
              ['Took', milliseconds(endOf(spans))],
              ['Steps', leftOut === 0 ? spans.length : `${spans.length}, and ${leftOut} short ones not shown`],
            ]}
          />
          <Part title="Waterfall">
            <Waterfall spans={spans} />
          </Part>
        </>
      )}
    </QueryView>
  );
}

function endOf(spans: readonly TraceSpan[]): number {
  return Math.max(0, ...spans.map((span) => span.offsetMs + span.durationMs));
}

/** A table whose last column is a picture of it: who reads it row by row misses nothing. */
function Waterfall({ spans }: { spans: readonly TraceSpan[] }) {
  const [open, setOpen] = useState<string>();
  const wholeMs = Math.max(endOf(spans), 0.001);
  const services = [...new Set(spans.map((span) => span.service))];
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard (WCAG 2.1.1).
    <section className="table-scroll" aria-label="Steps of the trace" tabIndex={0}>
      <table className="table trace">
        <caption className="visually-hidden">Steps of the trace</caption>
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">Service</th>
            <th scope="col" className="numeric">
              After
            </th>
            <th scope="col" className="numeric">
              Took
            </th>
            <th scope="col" className="trace-picture">
              <span className="visually-hidden">Picture</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {spans.map((span) => (
            <Step
              key={span.spanId}
              span={span}
              wholeMs={wholeMs}
              colour={services.indexOf(span.service) % colours}
              isOpen={open === span.spanId}
              onToggle={() => setOpen(open === span.spanId ? undefined : span.spanId)}
            />
          ))}
        </tbody>
      </table>
    </section>
  );
}

const colours = 6;
const indentsMax = 8;

interface StepProps {
  span: TraceSpan;
  wholeMs: number;
  colour: number;
  isOpen: boolean;
  onToggle: () => void;
}

function Step({ span, wholeMs, colour, isOpen, onToggle }: StepProps) {
  return (
    <>
      <tr>
        <th scope="row" className={`trace-step trace-depth-${Math.min(span.depth, indentsMax)}`}>
          <Button look="quiet" small aria-expanded={isOpen} onPress={onToggle}>
            {span.name}
          </Button>
          {span.failed && <Badge tone="danger">Failed</Badge>}
        </th>
        <td>{span.service}</td>
        <td className="numeric">{milliseconds(span.offsetMs)}</td>
        <td className="numeric">{milliseconds(span.durationMs)}</td>
        <td className="trace-picture">
          <Bar span={span} wholeMs={wholeMs} colour={colour} />
        </td>
      </tr>
      {isOpen && (
        <tr>
          <td colSpan={5} className="trace-details">
            <Facts items={detailsOf(span)} />
          </td>
        </tr>
      )}
    </>
  );
}

function Bar({ span, wholeMs, colour }: Pick<StepProps, 'span' | 'wholeMs' | 'colour'>) {
  const percent = (ms: number) => `${Math.min(100, Math.max(0, (ms / wholeMs) * 100))}%`;
  return (
    <svg className={`trace-bar trace-colour-${span.failed ? 'failed' : colour}`} aria-hidden="true" focusable="false">
      <rect className="trace-track" x="0" y="11" width="100%" height="2" />
      <rect
        x={percent(span.offsetMs)}
        y="5"
        width={percent(span.durationMs)}
        height="14"
        rx="3"
        className="trace-span"
      />
    </svg>
  );
}

function detailsOf(span: TraceSpan): [string, string][] {
  const attributes = Object.entries(span.attributes).sort(([a], [b]) => a.localeCompare(b));
  return [['Kind', span.kind], ['Process', span.instance], ['Span', span.spanId], ...attributes];
}
