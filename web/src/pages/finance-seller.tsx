import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { sellerQuery } from '../api/seller.ts';
import type { SacRule, Seller } from '../api/types.ts';
import { stateName } from '../lib/indian-states.ts';
import { Notice, Time } from '../ui/bits.tsx';
import { Button } from '../ui/button.tsx';
import { QueryView } from '../ui/states.tsx';
import { type Column, Table } from '../ui/table.tsx';
import { Facts, FinanceRoom, Part } from './finance-desk.tsx';
import { SellerForm, soldWords } from './finance-seller-form.tsx';

export function FinanceSellerPage() {
  return (
    <FinanceRoom
      title="Seller"
      lead="Who issues the invoices, how tax is taken, and under which codes. What is issued already stays as it is."
    >
      <SellerPart />
    </FinanceRoom>
  );
}

function SellerPart() {
  const query = useQuery(sellerQuery);
  const [isEditing, setEditing] = useState(false);
  return (
    <QueryView query={query}>
      {(seller) =>
        isEditing ? (
          <SellerForm seller={seller} onEnd={() => setEditing(false)} />
        ) : (
          <SellerView seller={seller} onEdit={() => setEditing(true)} />
        )
      }
    </QueryView>
  );
}

function SellerView({ seller, onEdit }: { seller: Seller; onEdit: () => void }) {
  return (
    <>
      {seller.demonstration && (
        <Notice tone="warn" title="Nobody’s real business yet">
          <p>Every invoice says that it is a demonstration until the seller is set.</p>
        </Notice>
      )}
      <Part
        title="Registered as"
        actions={
          <Button small onPress={onEdit}>
            Change
          </Button>
        }
      >
        <Facts
          items={[
            ['Legal name', seller.legalName],
            [
              'Address',
              <span key="address" className="quoted">
                {seller.address}
              </span>,
            ],
            ['GSTIN', <code key="gstin">{seller.gstin}</code>],
            ['State', `${stateName(seller.stateCode)} (${seller.stateCode})`],
          ]}
        />
      </Part>
      <Part title="Tax and numbers">
        <Facts
          items={[
            ['Prices', seller.prices === 'exclusive' ? 'Tax comes on top' : 'Hold the tax'],
            ['Rounding', seller.rounding === 'order' ? 'Once for the order' : 'Line by line'],
            ['Series of invoices', <code key="series">{`${seller.series}/…`}</code>],
            ['Series of credit notes', <code key="notes">{`${seller.series}C/…`}</code>],
          ]}
        />
      </Part>
      <Part title="Service Accounting Codes">
        {seller.sacs.length === 0 ? (
          <p>None is set: everything is invoiced under 999293, other education and training services.</p>
        ) : (
          <>
            <Table
              caption="Service Accounting Codes"
              columns={sacColumns}
              rows={seller.sacs}
              rowKey={(rule) => `${rule.kind}.${rule.fromDay}`}
            />
            <p className="list-note">Where none applies: 999293, other education and training services.</p>
          </>
        )}
      </Part>
    </>
  );
}

const sacColumns: readonly Column<SacRule>[] = [
  { name: 'What is sold', render: (rule) => soldWords[rule.kind] ?? rule.kind },
  { name: 'From', render: (rule) => <Time at={rule.fromDay} style="date" /> },
  { name: 'Code', render: (rule) => <code>{rule.sac}</code> },
];
