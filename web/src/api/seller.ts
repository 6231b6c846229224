/** Who issues the invoices, and how tax is taken. */
import { queryOptions } from '@tanstack/react-query';
import { call } from './client.ts';
import type { GetSellerResponse, SellerInput, SetSellerResponse } from './types.ts';

export const sellerQuery = queryOptions({
  queryKey: ['finance', 'seller'],
  queryFn: ({ signal }) => call<GetSellerResponse>('GET', '/seller', { signal }),
  select: (answer) => answer.seller,
});

/** For what is placed and issued from now on; what exists keeps what it was made with. */
export const setSeller = (seller: SellerInput) => call<SetSellerResponse>('PUT', '/seller', { body: { seller } });
